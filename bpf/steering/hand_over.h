// SPDX-License-Identifier: GPL-2.0-only
/* Tail calls: a packet goes on in another program, or comes back with a mark of what is behind it. */
#pragma once

#include "maps/gateway.h"
#include "maps/verdicts.h"
#include "packet/packet.h"
#include "packet/parse.h"

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

#define MAX_HEADERS 0xfff /* bytes of what is in front of the transport header */

/*
 * The packet as it looks whichever headers led here: the verifier walks on from here once, instead of
 * once for each combination of them. Fragments have been seen to.
 */
INLINE int settle(struct packet *p)
{
	void *data = (void *)(long)p->ctx->data;

	p->end = (void *)(long)p->ctx->data_end;
	p->network = data + ((p->network - data) & MAX_LINK);
	p->at = p->transport = data + ((p->transport - data) & MAX_HEADERS);
	p->later_fragment = p->more_fragments = p->quoted = 0;
	asm volatile("" : : "r"(p) : "memory");
	return GO_ON;
}
