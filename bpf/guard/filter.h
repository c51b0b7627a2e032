// SPDX-License-Identifier: GPL-2.0-only
/* What is kept out of a service before anything costs more: each check at a level of its own. */
#pragma once

#include "guard/enforce.h"
#include "maps/gateway.h"
#include "packet/headers.h"
#include "steering/hand_over.h"

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
		verdict = enforce(p, g, RULE_FRAGMENT, VERDICT_FIRST_FRAGMENT);
	if (!verdict && bad_flags(p->tcp_flags))
		verdict = enforce(p, g, RULE_FLAGS, VERDICT_BAD_FLAGS);
	return verdict;
}

INLINE int is_syn(const struct packet *p)
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
		if (g->level[RULE_SYN] && (is_syn(p) || p->tcp_flags & TCP_RST))
			return hand_over(p, PROGRAM_HANDSHAKE);
		return GO_ON;
	}
	if (g->level[p->protocol == IPPROTO_UDP ? RULE_UDP_RATE : RULE_ICMP_RATE])
		return hand_over(p, PROGRAM_LIMIT);
	return GO_ON;
}
