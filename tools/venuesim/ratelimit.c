/* ratelimit.c - request weight per minute (one client address), order counts per 10 s and per minute, 429 then 418.
 * Limits: 2400 weight / min, 300 orders / 10 s, 1200 orders / min; 40 refused requests in a minute bring a ban of 120 s.
 * --limits N multiplies the first three. */
#include "vs.h"

#define WEIGHT_LIMIT 2400
#define ORDERS_10S 300
#define ORDERS_1M 1200
#define BAN_AFTER 40
#define BAN_MS 120000

void vs_rl_roll(vs_venue *v, int64_t now) {
  vs_ratelimit *rl = &v->rl;
  if (rl->minute != now / 60000) {
    rl->minute = now / 60000;
    rl->weight = 0;
    rl->over = 0;
    rl->orders_1m = 0;
  }
  if (rl->ten_s != now / 10000) {
    rl->ten_s = now / 10000;
    rl->orders_10s = 0;
  }
}

int vs_rl_weight(vs_venue *v, int weight, int64_t now, vs_reject *rej) {
  vs_ratelimit *rl = &v->rl;
  vs_rl_roll(v, now);
  if (now < rl->banned_until) {
    return vs_refuse(rej, 418, -1003, "Way too many requests; IP(127.0.0.1) banned until %lld.", (long long)rl->banned_until);
  }
  rl->weight += weight;
  if (rl->weight <= WEIGHT_LIMIT * v->opt.limits) {
    return 0;
  }
  if (++rl->over > BAN_AFTER) {
    rl->banned_until = now + BAN_MS;
    return vs_refuse(rej, 418, -1003, "Way too many requests; IP(127.0.0.1) banned until %lld.", (long long)rl->banned_until);
  }
  return vs_refuse(rej, 429, -1003, "Too many requests; current limit of IP(127.0.0.1) is %d requests per minute.",
                   (int)(WEIGHT_LIMIT * v->opt.limits));
}

int vs_rl_orders(vs_venue *v, int per_10s, int per_1m, int64_t now, vs_reject *rej) {
  vs_ratelimit *rl = &v->rl;
  vs_rl_roll(v, now);
  if (rl->orders_10s + per_10s > ORDERS_10S * v->opt.limits) {
    return vs_refuse(rej, 429, -1015, "Too many new orders; current limit is %d orders per 10 SECOND.",
                     (int)(ORDERS_10S * v->opt.limits));
  }
  if (rl->orders_1m + per_1m > ORDERS_1M * v->opt.limits) {
    return vs_refuse(rej, 429, -1015, "Too many new orders; current limit is %d orders per 1 MINUTE.",
                     (int)(ORDERS_1M * v->opt.limits));
  }
  rl->orders_10s += per_10s;
  rl->orders_1m += per_1m;
  return 0;
}

void vs_rl_json(vs_venue *v, int64_t now, bool orders_only, vs_buf *out) {
  vs_rl_roll(v, now);
  vs_buf_f(out,
           "[{\"rateLimitType\":\"ORDERS\",\"interval\":\"SECOND\",\"intervalNum\":10,\"limit\":%d,\"count\":%lld},"
           "{\"rateLimitType\":\"ORDERS\",\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":%d,\"count\":%lld}",
           (int)(ORDERS_10S * v->opt.limits), (long long)v->rl.orders_10s, (int)(ORDERS_1M * v->opt.limits),
           (long long)v->rl.orders_1m);
  if (!orders_only) {
    vs_buf_f(out,
             ",{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":%d,\"count\":%lld}",
             (int)(WEIGHT_LIMIT * v->opt.limits), (long long)v->rl.weight);
  }
  vs_buf_c(out, ']');
}
