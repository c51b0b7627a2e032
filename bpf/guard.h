// SPDX-License-Identifier: GPL-2.0-only
/*
 * The SYN guard: under attack only those reach a backend who have shown that they get what is sent
 * to them. guard_opening() looks at SYNs and RSTs before their flow is looked for, guard_unknown()
 * at what is of no known flow: filter.h hands those over. docs/guard.md has the modes.
 */
#pragma once

#include "challenge.h"
#include "guard_maps.h"
#include "filter.h"
#include "flow.h"
#include "judge.h"
#include "local_cookie.h"
#include "retransmit.h"
#include "source.h"
#include "syn_cookie.h"

/* Of a source that is proven, so many new connections and strays each as its rate allows. */
INLINE int admit_proven(struct packet *p, const struct guard *g, __u32 memory)
{
	if (!g->level[RULE_SYN_RATE] || within_rate(p, g, RATE_SYN, memory))
		return GO_ON;
	return judge(p, g, RULE_SYN_RATE, VERDICT_SYN_RATE);
}

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

INLINE int guard_unknown(struct packet *p)
{
	struct guard *g = guard_of_stray(p);
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
		return admit_proven(p, g, MEMORY_STRAYS);
	return judge(p, g, RULE_UNKNOWN, cookie ? VERDICT_BAD_COOKIE : VERDICT_UNKNOWN_FLOW);
}

/* A proof, or a stray like others: it is judged here, without going back in between. */
INLINE int guard_reset(struct packet *p)
{
	/* While they come the hash of a proof is made. */
	fetch_proven(p);
	fetch_flow(p);
	return take_proof(p) ?: find_flow(p) ?: guard_unknown(p);
}

INLINE int guard_opening(struct packet *p)
{
	struct guard *g = guards.lookup(&p->guard);

	if (!g)
		return GO_ON;
	if (p->tcp_flags & TCP_RST)
		return guard_reset(p);
	if (!is_opening(p) || g->level[RULE_SYN] == RULE_LINGER)
		return GO_ON;
	return guard_syn(p, g);
}

/* UDP and ICMP: so many packets of a source, and of its prefix. */
INLINE int limit_rate(struct packet *p)
{
	const int udp = p->protocol == IPPROTO_UDP;
	struct guard *g = guards.lookup(&p->guard);
	__u32 rate = udp ? RATE_UDP : RATE_ICMP, rule = udp ? RULE_UDP_RATE : RULE_ICMP_RATE;

	if (!g || within_rate(p, g, rate, udp ? MEMORY_DATAGRAMS : MEMORY_ICMP))
		return GO_ON;
	return judge(p, g, rule, udp ? VERDICT_UDP_RATE : VERDICT_ICMP_RATE);
}
