#!/usr/bin/env python3
"""tools/dev mutate: does a test fail when the code is wrong? See docs/testing.md.

One mutant at a time: the changed file is compiled alone (a header: what includes it), linked with the objects of everything
else, and the tests of its layer run until the first one fails. Nothing is written into the source tree.
Exit codes: 0 every mutant died or is listed, 1 one survived or the list is wrong, 2 usage, 70 the programs did not build."""
import argparse
import concurrent.futures
import glob
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mutants  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIST = "tests/mutation/survivors.txt"
FLAGS = ("-std=gnu11 -D_GNU_SOURCE -march=x86-64-v3 -fno-strict-overflow -ffp-contract=off -fno-common -w "
         "-isystem /usr/include/android").split()
# layer: test program, folder of its tests, files under test, suites that are run one list after the other (None: all of them)
LAYERS = {
    "risk": ("test_risk", "tests/unit/risk", ("risk/*.c", "risk/*.h", "risk/*.def"), [None]),
    "core": ("test_core", "tests/unit/engine/core",
             ("engine/core/lifecycle.def", "engine/core/lifecycle.c", "engine/core/order.def", "engine/core/order.c"),
             ["order_table", "lifecycle,order", "fault_11,core,core_venue,property"]),
}
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
# layers that each of them stands on
BELOW = {"risk": ("engine/base", "engine/msg", "engine/conf"),
         "core": ("engine/base", "engine/msg", "engine/conf", "engine/market", "engine/strategy", "risk")}


def say(text):
    print(text, file=sys.stderr, flush=True)


def paths_of(layer):
    return [p for pattern in LAYERS[layer][2] for p in sorted(glob.glob(pattern, root_dir=ROOT))]


def build_below(cfg, pool):
    """One archive a layer of what lies below it, without mutants."""
    cfg.below = {}
    for layer, folders in BELOW.items():
        sources = [s for folder in folders for s in sorted(glob.glob(folder + "/*.c", root_dir=ROOT))]
        maker = Layer(layer, cfg)
        objects = [obj for obj, _ in pool.map(maker.compile_base, sources)]
        cfg.below[layer] = f"{maker.dir}/below.a"
        subprocess.run(["ar", "rcs", cfg.below[layer], *objects], check=True)


class Layer:
    """One test program: its objects, how to link it, and what includes what."""

    def __init__(self, name, cfg):
        self.name, self.cfg = name, cfg
        self.program, self.tests, patterns, self.stages = LAYERS[name]
        self.sources = sorted(glob.glob(os.path.dirname(patterns[0]) + "/*.c", root_dir=ROOT))
        self.test_sources = sorted(glob.glob(self.tests + "/*.c", root_dir=ROOT))
        self.dir = f"{cfg.scratch}/{name}"
        os.makedirs(self.dir, exist_ok=True)
        self.objects, self.includes = {}, {}

    def build(self, pool):
        for source, (obj, seen) in zip(self.sources + self.test_sources, pool.map(self.compile_base, self.sources + self.test_sources)):
            self.includes[source], self.objects[source] = seen, obj
        start = time.monotonic()
        self.must_pass({}, [], "without any mutant")
        self.seconds = time.monotonic() - start
        say(f"{self.name}: {self.program} passes in {self.seconds:.1f} s")
        clean = {s: f"{self.objects[s]}.clean" for s in self.sources}
        list(pool.map(lambda s: self.cc(["-O0", *SANITIZE, "-I" + ROOT, "-c", f"{ROOT}/{s}", "-o", clean[s]]), clean))
        self.must_pass(clean, SANITIZE, "under the sanitizers")

    def must_pass(self, changed, more, what):
        base = f"{self.dir}/base"
        self.link(base, changed, more)
        for suites in self.stages:
            code, out = self.run(base, suites, 600)
            if code != 0:
                raise RuntimeError(f"{self.program} fails {what}:\n{out[-2000:]}")

    def compile_base(self, source):
        obj = f"{self.dir}/{source.replace('/', '_')}.o"
        flags = ["-O1"] + (["-Itests/shim"] if source in self.test_sources else [])
        made = f"{obj}.d"
        self.cc(flags + ["-MMD", "-MF", made, "-I" + ROOT, "-c", f"{ROOT}/{source}", "-o", obj])
        with open(made, encoding="utf-8") as f:
            seen = {os.path.relpath(w, ROOT) for w in f.read().replace("\\\n", " ").split()[1:] if w.startswith(ROOT)}
        return obj, seen

    def cc(self, args):
        args = [f"-I{ROOT}/tests/shim" if a == "-Itests/shim" else a for a in args]
        done = subprocess.run([self.cfg.cc, *FLAGS, f'-DTICKGATE_DATA_DEFAULT="{self.cfg.data}"', *args], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr[-1500:])

    def compile_mutant(self, folder, mutant, source, obj, more):
        first = f"{folder}/{source}" if source == mutant.path else f"{ROOT}/{source}"
        flags = ["-Itests/shim"] if source in self.test_sources else []
        self.cc(["-O0", *more, *flags, "-I" + folder, "-I" + ROOT, "-c", first, "-o", obj])

    def dependents(self, mutant):
        path = mutant.path
        if path == "risk/limits.h" and mutant.what.startswith("limit "):
            return ["risk/limits.c"]  # the column is read there only
        if path.endswith(".def"):  # what a mutant changes in a table is read by the .c files that include it themselves
            return [s for s in self.sources if f'#include "{path}"' in open(f"{ROOT}/{s}", encoding="utf-8").read()]
        return [s for s in self.sources + self.test_sources if path in self.includes[s]]

    def link(self, program, changed, more=()):
        """changed: source -> object that takes the place of the one made at the start."""
        order = sorted(self.objects, key=lambda s: "property" in s)  # the longest last
        args = [self.cfg.cc, "-pthread", *more, *(changed.get(s, self.objects[s]) for s in order), self.cfg.below[self.name], "-linih",
                f"-L{self.cfg.boring}", f"-Wl,-rpath,{self.cfg.boring}", "-lssl", "-lcrypto", "-o", program]
        done = subprocess.run(args + self.cfg.linker, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr[-1500:])

    def run(self, program, suites, seconds):
        env = dict(os.environ, TG_SHIM_FIRST="1", TG_PROPERTY_SHARE="10", ASAN_OPTIONS="detect_leaks=0")
        if suites:
            env["TG_SHIM_SUITES"] = suites
        child = subprocess.Popen([program], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
                                 cwd=self.dir)
        try:
            _, out = child.communicate(timeout=seconds)
            return child.returncode, out
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, 9)  # the child's own group: it and the tests it forked
            child.communicate()
            return -1, "time is up"


def failed_test(out):
    failed = re.findall(r"\[FAIL\] (\S+)", out)
    return failed[0] if failed else out.strip().split("\n")[-1][:100]


def same_code(layer, folder, mutant, source):
    """True when an optimising compiler makes the same code of both: no test can tell them apart."""
    text = []
    for where in (folder, None):
        obj = f"{folder}/o2-{where is None}.o"
        first = f"{where}/{source}" if where and source == mutant.path else f"{ROOT}/{source}"
        over = [f"-I{where}"] if where else []
        layer.cc(["-O2", "-g0", "-DNDEBUG", *over, "-I" + ROOT, f"-ffile-prefix-map={folder}=.", f"-ffile-prefix-map={ROOT}=.", "-c", first,
                  "-o", obj])
        text.append(subprocess.run(["objdump", "-d", "-r", "-s", "--no-show-raw-insn", obj], capture_output=True, text=True).stdout
                    .split("\n", 3)[-1])
    return text[0] == text[1]


def judge(layer, key, mutant, number):
    """(verdict, detail): killed, survived, same (equal machine code), broken (does not compile)."""
    folder = f"{layer.dir}/m{number}"
    os.makedirs(f"{folder}/{os.path.dirname(mutant.path)}")
    try:
        with open(f"{ROOT}/{mutant.path}", encoding="utf-8") as f:
            lines = f.read().split("\n")
        if lines[mutant.line_no - 1] != mutant.before:
            return "broken", "the file changed under the tester"
        lines[mutant.line_no - 1] = mutant.after
        with open(f"{folder}/{mutant.path}", "w", encoding="utf-8") as f:
            f.write("\n".join(lines))
        changed, sources = {}, layer.dependents(mutant)
        try:
            for source in sources:
                changed[source] = f"{folder}/{source.replace('/', '_')}.o"
                layer.compile_mutant(folder, mutant, source, changed[source], [])
        except RuntimeError as error:
            return "broken", str(error).strip().split("\n")[0]
        program = f"{folder}/test"
        layer.link(program, changed)
        limit = 20 + 10 * layer.seconds
        for suites in layer.stages:
            code, out = layer.run(program, suites, limit)
            if code != 0:
                return "killed", failed_test(out)
        if all(same_code(layer, folder, mutant, source) for source in sources if source not in layer.test_sources):
            return "same", ""
        # once more under the sanitizers: what reads one past an end shows there only
        for source, obj in changed.items():
            layer.compile_mutant(folder, mutant, source, obj, SANITIZE)
        layer.link(program, changed, SANITIZE)
        for suites in layer.stages:
            code, out = layer.run(program, suites, 3 * limit)
            if code != 0:
                return "killed", "sanitizer: " + failed_test(out)
        return "survived", ""
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def key_of(mutant, seen):
    key = f"{mutant.path} | {' '.join(mutant.before.split())} | {mutant.what}"
    seen[key] = seen.get(key, 0) + 1
    return key if seen[key] == 1 else f"{key} | no. {seen[key]}"


def listed():
    """{key: reason} of survivors.txt: a line with the key, then an indented line or more with the reason."""
    out, key = {}, None
    with open(f"{ROOT}/{LIST}", encoding="utf-8") as f:
        for line in f.read().split("\n"):
            if not line.strip() or line.startswith("#"):
                continue
            if not line.startswith(" "):
                key = line.rstrip()
                out[key] = ""
            elif key:
                out[key] = f"{out[key]} {line.strip()}".strip()
    return out


def arguments():
    p = argparse.ArgumentParser(prog="tools/dev mutate", description=__doc__.split("\n")[0])
    what = p.add_mutually_exclusive_group()
    what.add_argument("--all", action="store_true", help="every mutant (the default)")
    what.add_argument("--sample", type=int, metavar="N", help="N of them, chosen by --seed")
    p.add_argument("--seed", default="1", help="any word, for instance a commit's hash")
    p.add_argument("--only", metavar="REGEX", help="mutants whose key matches")
    p.add_argument("--keys", metavar="FILE", help="mutants whose keys FILE names, a line each (as `survived:` prints them)")
    p.add_argument("--budget", type=float, metavar="SECONDS", help="start no further mutant after so long")
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--json", action="store_true", help="one JSON object on standard output")
    p.add_argument("--list", action="store_true", help="print the keys and run nothing")
    return p.parse_args()


class Run:
    def __init__(self, cfg, total):
        self.cfg, self.total, self.lock, self.start = cfg, total, threading.Lock(), time.monotonic()
        self.cnt = {"killed": 0, "survived": 0, "same": 0, "broken": 0, "listed": 0, "left": 0}
        self.wrong, self.results = [], []

    def add(self, key, verdict, detail, reasons):
        with self.lock:
            if verdict == "survived" and key in reasons:
                verdict = "listed"
            elif verdict in ("killed", "same") and key in reasons:
                self.wrong.append(f"listed as a survivor, but {verdict}: {key}")
            self.cnt[verdict] += 1
            self.results.append({"key": key, "verdict": verdict, "detail": detail})
            if verdict == "survived":
                self.wrong.append(f"survived: {key}")
                say(f"\r\033[Ksurvived: {key}" if sys.stderr.isatty() else f"survived: {key}")
            done = sum(self.cnt.values())
            if sys.stderr.isatty():
                print(f"\r\033[K{done}/{self.total} mutants, {self.cnt['survived']} alive, {time.monotonic() - self.start:.0f} s",
                      end="", file=sys.stderr, flush=True)
            elif done % 200 == 0:
                say(f"{done}/{self.total} mutants, {self.cnt['survived']} alive, {time.monotonic() - self.start:.0f} s")


def report(cfg, run, all_cnt):
    seconds = time.monotonic() - run.start
    if cfg.json:
        print(json.dumps({"mutants": all_cnt, "chosen": run.total, **run.cnt, "seconds": round(seconds, 1), "wrong": run.wrong,
                          "results": run.results if cfg.only else [r for r in run.results if r["verdict"] != "killed"]}, indent=1))
    say(("\r\033[K" if sys.stderr.isatty() else "") + f"{run.total} of {all_cnt} mutants in {seconds:.0f} s: {run.cnt['killed']} killed, "
        f"{run.cnt['listed']} alive and listed, {run.cnt['survived']} alive, {run.cnt['same']} the same code, "
        f"{run.cnt['broken']} do not compile, {run.cnt['left']} not run")
    for line in run.wrong:
        if not line.startswith("survived"):  # told when it happened
            say(line)
    return 1 if run.wrong else 0


def main():
    cfg = arguments()
    multiarch = subprocess.run(["gcc", "-print-multiarch"], capture_output=True, text=True).stdout.strip()
    cfg.boring = f"/usr/lib/{multiarch}/android"
    cfg.cc, cfg.data = os.environ.get("CC", "cc"), f"{ROOT}/../shared/data"
    cfg.linker = ["-fuse-ld=lld"] if shutil.which("ld.lld") else []
    seen, chosen = {}, []
    for name in LAYERS:
        chosen += [(name, key_of(m, seen), m) for m in mutants.all_of(ROOT, paths_of(name))]
    all_cnt, reasons = len(chosen), listed()
    keys = {key for _, key, _ in chosen}
    stale = [f"listed, but no such mutant: {key}" for key in reasons if key not in keys]
    stale += [f"listed without a reason: {key}" for key, reason in reasons.items() if not reason]
    if cfg.only:
        chosen = [c for c in chosen if re.search(cfg.only, c[1])]
    if cfg.keys:
        with open(cfg.keys, encoding="utf-8") as f:
            named = {line.strip().removeprefix("survived: ") for line in f}
        chosen = [c for c in chosen if c[1] in named]
    if cfg.sample is not None:
        chosen.sort(key=lambda c: hashlib.sha256(f"{cfg.seed} {c[1]}".encode()).digest())
        chosen = chosen[:cfg.sample]
    if cfg.list:
        print("\n".join(key for _, key, _ in chosen))
        return 0
    scratch = tempfile.mkdtemp(prefix="tickgate-mutate.")
    cfg.scratch = scratch
    try:
        with concurrent.futures.ThreadPoolExecutor(cfg.jobs) as pool:
            layers = {name: Layer(name, cfg) for name in sorted({name for name, _, _ in chosen})}
            try:
                build_below(cfg, pool)
                for layer in layers.values():
                    layer.build(pool)
            except RuntimeError as error:
                say(f"tools/dev mutate: {error}")
                return 70
            run = Run(cfg, len(chosen))
            run.wrong += stale

            def one(item):
                number, (name, key, mutant) = item
                if cfg.budget and time.monotonic() - run.start > cfg.budget:
                    run.add(key, "left", "", {})
                    return
                try:
                    verdict, detail = judge(layers[name], key, mutant, number)
                except RuntimeError as error:
                    verdict, detail = "broken", str(error)[:200]
                run.add(key, verdict, detail, reasons)

            list(pool.map(one, enumerate(chosen)))
        return report(cfg, run, all_cnt)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
