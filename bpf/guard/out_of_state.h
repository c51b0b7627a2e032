// SPDX-License-Identifier: GPL-2.0-only
/* TCP that is no SYN and of no known flow, while a guard answers SYNs or refuses such segments. */
#pragma once

#include "guard/enforce.h"
#include "guard/filter.h"
#include "guard/source.h"
#include "maps/gateway.h"
#include "steering/hand_over.h"

/* Whether SYNs are answered with cookies, or were so lately. */
INLINE int sends_cookies(const struct guard *g)
{
	return (g->mode == GUARD_COOKIE_BACKEND || g->mode == GUARD_COOKIE_LOCAL) &&
	       g->level[RULE_SYN] >= RULE_ON;
}

/* Whether the packet could acknowledge a cookie: alone, with data, or with the end of it. */
INLINE int may_have_cookie(const struct packet *p)
{
	return (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_ACK;
}

/* TCP that is no SYN, of no known flow, while the guard has to do with those: else 0. */
INLINE struct guard *guard_of_out_of_state(struct packet *p)
{
	struct guard *g;

	if (!p->guard || p->backend || p->quoted || p->allowed || p->passed >= PASSED_ALL ||
	    p->protocol != IPPROTO_TCP || is_syn(p))
		return 0;
	g = guards.lookup(&p->guard);
	return g && (g->level[RULE_UNKNOWN] || sends_cookies(g)) ? g : 0;
}

/* In a flood most end here: only what a cookie or a rate may save is handed over. */
INLINE int hand_over_out_of_state(struct packet *p)
{
	struct guard *g = guard_of_out_of_state(p);

	if (!g)
		return GO_ON;
	if (sends_cookies(g) && may_have_cookie(p)) {
		fetch_proven(p);
		return hand_over(p, PROGRAM_OUT_OF_STATE);
	}
	if (is_proven(p))
		return hand_over(p, PROGRAM_OUT_OF_STATE);
	return enforce(p, g, RULE_UNKNOWN, VERDICT_UNKNOWN_FLOW);
}
