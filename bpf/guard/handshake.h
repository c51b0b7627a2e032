// SPDX-License-Identifier: GPL-2.0-only
/*
 * The SYN guard: under attack only those reach a backend who have shown that they get what is sent
 * to them. guard_handshake() looks at SYNs and RSTs before the flow lookup, guard_out_of_state()
 * at what is of no known flow. docs/guard.md has the modes.
 */
#pragma once

#include "guard/challenge.h"
#include "guard/cookie_backend.h"
#include "guard/cookie_local.h"
#include "guard/enforce.h"
#include "guard/out_of_state.h"
#include "guard/rate_limit.h"
#include "guard/retransmit.h"
#include "guard/source.h"
#include "maps/gateway.h"
#include "steering/flow_cache.h"

/* How an unproven source's SYN is answered. */
INLINE __u32 answer_of(const struct guard *g)
{
	return g->mode == GUARD_AUTH         ? VERDICT_CHALLENGED
	       : g->mode == GUARD_RETRANSMIT ? VERDICT_FIRST_SYN
					     : VERDICT_COOKIE;
}

/*
 * Whether the client uses the ports of a former connection again. The host of that may still wait for
 * its end (RFC 9293 3.3.2, TIME-WAIT), where a SYN begins anew, but what acknowledges a cookie is
 * taken for a piece of the old one, and the client waits for ever.
 */
INLINE int is_former(struct packet *p)
{
	find_flow(p);
	return p->backend != 0;
}

INLINE int guard_syn(struct packet *p, const struct guard *g)
{
	int verdict;

	/* Also of proven sources: a cookie costs the backend less than a SYN. */
	if (g->mode == GUARD_COOKIE_BACKEND && g->level[RULE_SYN] == RULE_ON) {
		verdict = answer_cookie(p, g);
		if (verdict)
			return verdict;
	}
	if (is_proven(p))
		return admit_proven(p, g, MEMORY_SYNS);
	if (g->level[RULE_SYN] == RULE_MONITOR) {
		note(p, answer_of(g));
		return GO_ON;
	}
	if (g->mode == GUARD_COOKIE_LOCAL)
		verdict = is_former(p) ? GO_ON : answer_local_cookie(p, g);
	else if (g->mode == GUARD_RETRANSMIT)
		verdict = wait_for_retransmission(p);
	else
		verdict = challenge(p);
	return verdict ?: admit_proven(p, g, MEMORY_SYNS);
}

INLINE int guard_out_of_state(struct packet *p)
{
	struct guard *g = guard_of_out_of_state(p);
	int cookie;

	if (!g)
		return GO_ON;
	cookie = sends_cookies(g) && may_have_cookie(p);
	if (cookie && (g->mode == GUARD_COOKIE_LOCAL ? has_local_cookie(p) : has_cookie(p, g))) {
		note(p, VERDICT_PROVEN);
		p->opens = 1;
		if (g->mode == GUARD_COOKIE_LOCAL) {
			mark_listener(p);
			prove(p);
		}
		return admit_proven(p, g, MEMORY_SYNS);
	}
	if (!g->level[RULE_UNKNOWN])
		return GO_ON;
	if (is_proven(p))
		return admit_proven(p, g, MEMORY_OUT_OF_STATE);
	return enforce(p, g, RULE_UNKNOWN, cookie ? VERDICT_BAD_COOKIE : VERDICT_UNKNOWN_FLOW);
}

/* A proof, or out of state like others: that is decided here, without going back in between. */
INLINE int guard_reset(struct packet *p)
{
	/* While they come the hash of a proof is made. */
	fetch_proven(p);
	fetch_flow(p);
	return take_proof(p) ?: find_flow(p) ?: guard_out_of_state(p);
}

INLINE int guard_handshake(struct packet *p)
{
	struct guard *g = guards.lookup(&p->guard);

	if (!g)
		return GO_ON;
	if (p->tcp_flags & TCP_RST)
		return guard_reset(p);
	if (!is_syn(p) || g->level[RULE_SYN] == RULE_LINGER)
		return GO_ON;
	return guard_syn(p, g);
}
