// SPDX-License-Identifier: GPL-2.0-only
/* What is kept out of a service before anything costs more: each check at a level of its own. */
#pragma once

#include "guard_maps.h"
#include "headers.h"
#include "judge.h"
#include "source.h"
#include "words.h"

#define TCP_ALL (TCP_FIN | TCP_SYN | TCP_RST | TCP_PSH | TCP_ACK | TCP_URG)

/* No segment of RFC 9293 has these: SYN with FIN or RST, none at all, FIN+PSH+URG without ACK. */
INLINE int bad_flags(__u8 flags)
{
	return (flags & TCP_SYN && flags & (TCP_FIN | TCP_RST)) || !(flags & TCP_ALL) ||
	       (flags & TCP_ALL) == (TCP_FIN | TCP_PSH | TCP_URG);
}

INLINE int filter_tcp(struct packet *p, const struct guard *g)
{
	int verdict = GO_ON;

	if (p->more_fragments)
		verdict = judge(p, g, RULE_FRAGMENT, VERDICT_FIRST_FRAGMENT);
	if (!verdict && bad_flags(p->tcp_flags))
		verdict = judge(p, g, RULE_FLAGS, VERDICT_BAD_FLAGS);
	return verdict;
}

INLINE void mark_passed(__u32 passed)
{
	__u32 zero = 0, *mark = handed_back.lookup(&zero);

	if (mark)
		*mark = passed;
}

INLINE int hand_back(struct packet *p, __u32 passed)
{
	mark_passed(passed);
	programs.call(p->ctx, PROGRAM_GATEWAY);
	return VERDICT_NO_NEXT_HOP;
}

/*
 * To another program, which begins with the frame anew; so does this one if that is not there. It
 * cannot just go on: since 6.13, and 6.12.x, the verifier holds that a tail call which failed may
 * have changed the frame, and takes all pointers into it away. The gateway itself is always there:
 * what stands behind its call is only for the verifier.
 */
INLINE int hand_over(struct packet *p, const __u32 program)
{
	programs.call(p->ctx, program);
	return hand_back(p, PASSED_ALL);
}

INLINE __u32 take_handed_back(void)
{
	__u32 zero = 0, passed, *mark = handed_back.lookup(&zero);

	if (!mark)
		return PASSED_NOTHING;
	passed = *mark;
	*mark = PASSED_NOTHING;
	return passed;
}

INLINE int is_opening(const struct packet *p)
{
	return (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}

INLINE int filter(struct packet *p)
{
	struct guard *g;
	int verdict;

	if (!p->guard || p->allowed)
		return GO_ON;
	p->passed = take_handed_back();
	g = guards.lookup(&p->guard);
	if (!g || p->passed)
		return GO_ON;
	if (p->protocol == IPPROTO_TCP) {
		verdict = filter_tcp(p, g);
		if (verdict)
			return verdict;
		if (g->level[RULE_SYN] && (is_opening(p) || p->tcp_flags & TCP_RST))
			return hand_over(p, PROGRAM_OPENING);
		return GO_ON;
	}
	if (g->level[p->protocol == IPPROTO_UDP ? RULE_UDP_RATE : RULE_ICMP_RATE])
		return hand_over(p, PROGRAM_LIMIT);
	return GO_ON;
}

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
INLINE struct guard *guard_of_stray(struct packet *p)
{
	struct guard *g;

	if (!p->guard || p->backend || p->quoted || p->allowed || p->passed >= PASSED_ALL ||
	    p->protocol != IPPROTO_TCP || is_opening(p))
		return 0;
	g = guards.lookup(&p->guard);
	return g && (g->level[RULE_UNKNOWN] || sends_cookies(g)) ? g : 0;
}

/* Most strays end here, in a flood of them: only what a cookie or a rate may save is handed over. */
INLINE int hand_over_stray(struct packet *p)
{
	struct guard *g = guard_of_stray(p);

	if (!g)
		return GO_ON;
	if (sends_cookies(g) && may_have_cookie(p)) {
		fetch_proven(p);
		return hand_over(p, PROGRAM_STRAY);
	}
	if (is_proven(p))
		return hand_over(p, PROGRAM_STRAY);
	return judge(p, g, RULE_UNKNOWN, VERDICT_UNKNOWN_FLOW);
}
