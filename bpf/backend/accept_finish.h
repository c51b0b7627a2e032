// SPDX-License-Identifier: GPL-2.0-only
/* The one exit of accepting cookies: a segment is counted once, and passed or dropped. */
#pragma once

#include "maps/cookie_acceptor.h"
#include "packet/packet.h"

/* enum tcx_action_base of linux/bpf.h */
#define TCX_NEXT -1
#define TCX_DROP 2

INLINE int accept_finish(struct __sk_buff *skb, __u32 verdict)
{
	const int PASS = TCX_NEXT, DROP = TCX_DROP;
	struct accept_counter *counter = verdicts.lookup(&verdict);

	if (counter) {
		counter->packets += 1;
		counter->bytes += skb->len;
	}
	switch (verdict) {
#define V(name, action, expected, meaning)                                                         \
	case ACCEPT_##name: return action;
		ACCEPT_VERDICTS(V)
#undef V
	}
	return TCX_NEXT;
}
