// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mode retransmit: the first SYN of a connection is dropped, and the one that a real client sends
 * again (RFC 6298: after one second) proves its source. It has the same sequence number: of a flood
 * from drawn sources some have the addresses and ports of an earlier one, but not that as well.
 */
#pragma once

#include "guard/source.h"
#include "lib/clock.h"
#include "steering/flow_cache.h"

#define LEAST_WAIT (CLOCK_SECOND / 2)
#define LONGEST_WAIT (CLOCK_SECOND * 4)

INLINE int wait_for_retransmission(struct packet *p)
{
	__u32 index = flow_bucket(p) & (FIRST_SYN_BUCKETS - 1), tag = flow_tag(p);
	struct bucket *bucket = first_syns.lookup(&index);
	__u32 now = clock_now(), way, waited;
	struct tcphdr *tcp = p->transport;

	if ((void *)(tcp + 1) > p->end)
		return VERDICT_BAD_TRANSPORT;
	if (!bucket)
		return GO_ON;
	tag ^= tcp->seq;
	way = find_word(bucket, tag);
	if (way < WAYS) {
		waited = now - (__u32)bucket->flow[way];
		if (waited < LEAST_WAIT)
			return VERDICT_FIRST_SYN;
		if (waited <= LONGEST_WAIT) {
			prove(p);
			return GO_ON;
		}
	}
	if (!p->dry)
		store_word(bucket, tagged(tag, now), now, 0);
	return VERDICT_FIRST_SYN;
}
