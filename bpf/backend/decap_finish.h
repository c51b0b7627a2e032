// SPDX-License-Identifier: GPL-2.0-only
/* The one exit of unwrapping: a packet is counted once, and passed or dropped. */
#pragma once

#include "maps/decap.h"
#include "packet/packet.h"

INLINE int decap_finish(struct packet *p, __u32 verdict)
{
	const int PASS = XDP_PASS, DROP = XDP_DROP;
	struct decap_counter *counter = verdicts.lookup(&verdict);

	if (counter) {
		counter->packets += 1;
		counter->bytes += p->frame_length;
	}
	switch (verdict) {
#define V(name, action, expected, meaning)                                                         \
	case DECAP_##name: return action;
		DECAP_VERDICTS(V)
#undef V
	}
	return XDP_ABORTED;
}
