/* verbs.h - the verbs of the tickgate program.
 * What:    each takes its own argv (argv[0] is the verb) and returns an exit code of engine/base/exit.def.
 * Threads: main thread.
 * Errors:  one line on standard error: what, where, what to do. */
#ifndef TG_TOOLS_TICKGATE_VERBS_H
#define TG_TOOLS_TICKGATE_VERBS_H

int tg_verb_run(int argc, char **argv);
int tg_verb_replay(int argc, char **argv);
int tg_verb_book(int argc, char **argv);
int tg_verb_config(int argc, char **argv);
int tg_verb_check(int argc, char **argv);
int tg_verb_report(int argc, char **argv);
int tg_verb_drill(int argc, char **argv);
int tg_verb_evidence(int argc, char **argv);
int tg_verb_sandbox(int argc, char **argv);

#endif
