// SPDX-License-Identifier: GPL-2.0-only
/* What is kept out of a service before anything costs more: each check at a level of its own. */
#pragma once

#include "guard_maps.h"
#include "headers.h"
#include "judge.h"
#include "source.h"

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

	if (p->more_fragments && g->level[RULE_FRAGMENT])
		verdict = judge(p, g, RULE_FRAGMENT, VERDICT_FIRST_FRAGMENT);
	if (!verdict && bad_flags(p->tcp_flags))
		verdict = judge(p, g, RULE_FLAGS, VERDICT_BAD_FLAGS);
	return verdict;
}

INLINE int filter_rate(struct packet *p, const struct guard *g, const __u32 rule, const __u32 rate,
		       __u32 verdict)
{
	if (!g->level[rule] || within_rate(p, g, rate, MEMORY_PACKETS))
		return GO_ON;
	return judge(p, g, rule, verdict);
}

INLINE int filter(struct packet *p)
{
	struct guard *g;

	if (!p->guard)
		return GO_ON;
	g = guards.lookup(&p->guard);
	if (!g)
		return GO_ON;
	if (p->protocol == IPPROTO_TCP)
		return filter_tcp(p, g);
	if (p->protocol == IPPROTO_UDP)
		return filter_rate(p, g, RULE_UDP_RATE, RATE_UDP, VERDICT_UDP_RATE);
	return filter_rate(p, g, RULE_ICMP_RATE, RATE_ICMP, VERDICT_ICMP_RATE);
}
