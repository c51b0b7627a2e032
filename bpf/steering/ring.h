// SPDX-License-Identifier: GPL-2.0-only
/* A new flow: the Maglev ring of its service chooses (accel/datapath/steering/maglev.py builds it). */
#pragma once

#include "lib/hash.h"
#include "maps/gateway.h"
#include "maps/verdicts.h"
#include "packet/packet.h"
#include "steering/flow_cache.h"

INLINE __u32 slot_of(__u64 ring, __u32 hash)
{
	return (__u64)hash * RING_SLOTS(ring) >> 32;
}

/* The backend that a ring has in a slot; 0, which is nobody's number, if it cannot be read. */
INLINE __u32 number_in(__u64 ring, __u32 slot)
{
	__u32 first = RING_FIRST(ring) + 1, index = first + slot / 32;
	struct ring_line *line = rings.lookup(&index);
	__u32 position;

	if (!line)
		return 0;
	position = line->slot[slot % 32];
	index = first + (RING_SLOTS(ring) + 31) / 32 + position / 16;
	line = rings.lookup(&index);
	return line ? line->number[position % 16] : 0;
}

INLINE __u64 former_of(__u64 ring)
{
	__u32 first = RING_FIRST(ring);
	struct ring_line *header = rings.lookup(&first);

	return header ? header->former : 0;
}

/*
 * No SYN is stored, so a ring that changes between a SYN and its ACK would part them. For a few
 * seconds after a change, then: TCP that is no SYN goes by the former ring, and a SYN that the
 * new one sends elsewhere is stored. Returns the number by the former ring, 0 if there is none.
 */
INLINE __u32 former_number(struct packet *p, __u64 ring, __u32 hash)
{
	__u64 former = former_of(ring);

	if (!former || p->protocol != IPPROTO_TCP || p->quoted)
		return 0;
	return number_in(former, slot_of(former, hash));
}

/*
 * Takes `number` if its backend may get packets and is of the packet's service. The address of a
 * part of *p goes to the lookup: that keeps all of it in memory, where the compiler would spread
 * it over more registers than there are (10 ns on each packet).
 */
INLINE int take_backend(struct packet *p, __u32 number, int drain_too)
{
	struct backend *b;

	p->number = number;
	b = backends.lookup(&p->number);
	if (!b || b->service != p->service ||
	    (b->state != BACKEND_UP && !(drain_too && b->state == BACKEND_DRAIN)))
		return -1;
	p->backend = b;
	return 0;
}

INLINE int choose_by_ring(struct packet *p)
{
	__u64 ring = p->entry ? p->entry->ring : 0;
	int syn = p->protocol == IPPROTO_TCP && p->tcp_flags & TCP_SYN;
	__u32 hash, number, former;

	if (p->backend)
		return GO_ON;
	if (!ring)
		return VERDICT_NO_BACKEND;
	hash = ring_hash(p);
	p->slot = slot_of(ring, hash);
	number = number_in(ring, p->slot);
	former = former_number(p, ring, hash);
	if (former == number)
		former = 0;
	if ((!former || syn || take_backend(p, former, 1)) && take_backend(p, number, 0))
		return VERDICT_NO_BACKEND;
	if (p->quoted)
		return GO_ON;
	p->reason = syn ? VERDICT_FORWARD_SYN : VERDICT_FORWARD_NEW;
	if (!syn || former)
		store_flow(p, 0);
	return GO_ON;
}
