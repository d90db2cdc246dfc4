#include "engine/core/core_state.h"

/* The least role a verb needs: tightening is the operator's, loosening the risk role's. */
static tg_role_t role_needed(uint8_t verb) {
  switch ((tg_verb_t)verb) {
    case TG_VERB_PAUSE:
    case TG_VERB_KILL:
    case TG_VERB_EMERGENCY:
    case TG_VERB_DISARM:
    case TG_VERB_STOP:
    case TG_VERB_RESYNC_BOOK:
    case TG_VERB_SYNC:
    case TG_VERB_REJECT:
    case TG_VERB_DEGRADE:
    case TG_VERB_INSTR_OFF:
    case TG_VERB_LIMIT: /* what loosens was judged by the control side, which knows the values in force */
      return TG_ROLE_OPERATOR;
    default:
      return TG_ROLE_RISK;
  }
}

static void override_set(tg_core_t *core, uint8_t override) {
  if (core->fsm_in.override != TG_FSM_OVERRIDE_EMERGENCY || override == TG_FSM_OVERRIDE_NONE) core->fsm_in.override = override;
}

static void kill_on(tg_core_t *core) {
  if (!core->snap.kill_latched) core->kill_ns = core->now_ns;
  core->snap.kill_latched = 1;
  core->fsm_in.killed = 1;
  core->sweeping = 1;
  core->cancel_all_ns = 0;
}

static int resume(tg_core_t *core) {
  override_set(core, TG_FSM_OVERRIDE_NONE);
  if (core->side_mode_bad || core->restart.halted) return -TG_EPERM; /* other halts, with ends of their own */
  tg_core_flatten_end(core);
  return 0;
}

static int adopt(tg_core_t *core, const tg_msg_t *in) {
  tg_core_adopt_want(core, in->instr_idx < core->cfg.instr_cap ? &core->instr[in->instr_idx] : NULL);
  tg_core_ask_sync(core, TG_VERB_ADOPT, true); /* the next snapshot is taken over as it is */
  return 0;
}

static int resync_book(tg_core_t *core, const tg_msg_t *in) {
  if (in->instr_idx >= core->cfg.instr_cap || !core->instr[in->instr_idx].known) return -TG_ENOTFOUND;
  tg_core_instr_t *instr = &core->instr[in->instr_idx];
  tg_core_book_events(core, instr, tg_book_resync(&instr->book, core->now_ns));
  return 0;
}

static int instrument(tg_core_t *core, const tg_msg_t *in) {
  if (in->instr_idx >= core->cfg.instr_cap || !core->instr[in->instr_idx].known) return -TG_ENOTFOUND;
  tg_core_instr_t *instr = &core->instr[in->instr_idx];
  if (in->u.cmd.verb == TG_VERB_INSTR_ON) return tg_core_instr_on(core, instr);
  (void)tg_core_restrict(core, instr);
  return 0;
}

static int perform(tg_core_t *core, const tg_msg_t *in) {
  switch ((tg_verb_t)in->u.cmd.verb) {
    case TG_VERB_PAUSE:
      override_set(core, TG_FSM_OVERRIDE_PAUSE);
      return 0;
    case TG_VERB_RESUME:
      return resume(core);
    case TG_VERB_KILL:
      kill_on(core);
      return 0;
    case TG_VERB_KILL_OFF:
      core->snap.kill_latched = 0;
      core->fsm_in.killed = 0;
      core->sweeping = core->stopping;
      return 0;
    case TG_VERB_EMERGENCY:
      core->fsm_in.override = TG_FSM_OVERRIDE_EMERGENCY;
      return 0;
    case TG_VERB_ACK_DRAWDOWN:
      return tg_drawdown_ack(&core->drawdown) ? 0 : -TG_ENOTFOUND;
    case TG_VERB_ARM:
      core->conf.engine_armed = 1;
      core->snap.armed = 1;
      return 0;
    case TG_VERB_DISARM:
      core->conf.engine_armed = 0;
      core->snap.armed = 0;
      return 0;
    case TG_VERB_STOP:
      core->stopping = 1;
      core->sweeping = 1;
      return 0;
    case TG_VERB_RESYNC_BOOK:
      return resync_book(core, in);
    case TG_VERB_SYNC:
      tg_core_ask_sync(core, TG_VERB_SYNC, true);
      return 0;
    case TG_VERB_ADOPT:
      return adopt(core, in);
    case TG_VERB_FLATTEN:
      return tg_core_flatten(core, in->instr_idx);
    case TG_VERB_APPROVE:
      return tg_tickets_approve(core, (uint64_t)in->u.cmd.arg[0], (uint64_t)in->u.cmd.arg[1]);
    case TG_VERB_REJECT:
      return tg_tickets_reject(core, (uint64_t)in->u.cmd.arg[0], (uint64_t)in->u.cmd.arg[1]);
    case TG_VERB_INSTR_ON:
    case TG_VERB_INSTR_OFF:
      return instrument(core, in);
    default:
      return tg_core_guards_cmd(core, in);
  }
}

void tg_core_on_cmd(tg_core_t *core, const tg_msg_t *in) {
  const tg_cmd_t *cmd = &in->u.cmd;
  int err = cmd->role < role_needed(cmd->verb) ? -TG_EPERM : perform(core, in);
  if (err == 0) {
    core->stats.cmd_done_cnt++;
  } else {
    core->stats.cmd_refused_cnt++;
  }
  tg_core_tell_alarm2(core, err == 0 ? TG_ALARM_CMD_DONE : TG_ALARM_CMD_REFUSED, in->instr_idx, 0, cmd->verb, -err,
                      (int64_t)cmd->cmd_no, cmd->arg[0]);
  core->fsm_dirty = 1;
  core->quote_all = 1;
}
