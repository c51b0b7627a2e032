// SPDX-License-Identifier: GPL-2.0-only
/*
 * The SYN guard: under attack only those reach a backend who have shown that they get what is sent
 * to them. guard_opening() looks at SYNs before their flow is looked for, guard_unknown() at what
 * is of no known flow. docs/guard.md has the modes.
 */
#pragma once

#include "challenge.h"
#include "guard_maps.h"
#include "judge.h"
#include "retransmit.h"
#include "source.h"

/* The guard of the packet's service, if it has to do with TCP now. */
INLINE struct guard *guard_of(struct packet *p)
{
	if (!p->guard || p->protocol != IPPROTO_TCP || p->quoted || p->allowed)
		return 0;
	return guards.lookup(&p->guard);
}

INLINE int is_opening(const struct packet *p)
{
	return (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}

/* Of a source that is proven, so many new connections and strays each as its rate allows. */
INLINE int admit_proven(struct packet *p, const struct guard *g, __u32 memory)
{
	if (!g->level[RULE_SYN_RATE] || within_rate(p, g, RATE_SYN, memory))
		return GO_ON;
	return judge(p, g, RULE_SYN_RATE, VERDICT_SYN_RATE);
}

INLINE int guard_syn(struct packet *p, const struct guard *g)
{
	int verdict;

	if (is_proven(p))
		return admit_proven(p, g, MEMORY_SYNS);
	if (g->level[RULE_SYN] == RULE_MONITOR) {
		note(p, g->mode == GUARD_RETRANSMIT ? VERDICT_FIRST_SYN : VERDICT_CHALLENGED);
		return GO_ON;
	}
	verdict = g->mode == GUARD_RETRANSMIT ? wait_for_retransmission(p) : challenge(p);
	return verdict ?: admit_proven(p, g, MEMORY_SYNS);
}

INLINE int guard_opening(struct packet *p)
{
	struct guard *g = guard_of(p);

	if (!g || !g->level[RULE_SYN])
		return GO_ON;
	if (p->tcp_flags & TCP_RST)
		return take_proof(p);
	if (!is_opening(p) || g->level[RULE_SYN] == RULE_LINGER)
		return GO_ON;
	return guard_syn(p, g);
}

INLINE int guard_unknown(struct packet *p)
{
	struct guard *g = p->backend ? 0 : guard_of(p);

	if (!g || !g->level[RULE_UNKNOWN] || is_opening(p))
		return GO_ON;
	if (is_proven(p))
		return admit_proven(p, g, MEMORY_STRAYS);
	return judge(p, g, RULE_UNKNOWN, VERDICT_UNKNOWN_FLOW);
}
