// SPDX-License-Identifier: GPL-2.0-only
/* A new flow: the Maglev ring of its service chooses (accel/maglev.py builds it). */
#pragma once

#include "flow.h"
#include "hash.h"
#include "maps.h"
#include "packet.h"
#include "verdicts.h"

INLINE struct ring_line *ring_line(void *ring, __u32 index)
{
	return bpf_map_lookup_elem(ring, &index);
}

INLINE int choose_by_ring(struct packet *p)
{
	struct ring_line *slots, *list;
	__u32 count, position;
	void *ring;

	if (p->backend)
		return GO_ON;
	ring = rings.lookup(&p->service);
	if (!ring || !p->entry || !p->entry->slots)
		return VERDICT_NO_BACKEND;
	count = p->entry->slots;
	p->slot = (__u64)ring_hash(p) * count >> 32;
	slots = ring_line(ring, p->slot / 32);
	if (!slots)
		return VERDICT_NO_BACKEND;
	position = slots->slot[p->slot % 32];
	list = ring_line(ring, (count + 31) / 32 + position / 16);
	if (!list)
		return VERDICT_NO_BACKEND;
	p->number = list->number[position % 16];
	p->backend = backends.lookup(&p->number);
	/* Its service is asked for in case the ring's size changes at this very moment. */
	if (!p->backend || p->backend->state != BACKEND_UP || p->backend->service != p->service)
		return VERDICT_NO_BACKEND;
	if (p->quoted)
		return GO_ON;
	if (p->protocol == IPPROTO_TCP && p->tcp_flags & TCP_SYN) {
		/* Nothing is stored on a SYN: anyone can send one. */
		p->reason = VERDICT_FORWARD_SYN;
		return GO_ON;
	}
	p->reason = VERDICT_FORWARD_NEW;
	store_flow(p);
	return GO_ON;
}
