// SPDX-License-Identifier: GPL-2.0-only
/* Load bounds: how many of a service's new flows of this second a backend may have. */
#pragma once

#include "maps/gateway.h"
#include "packet/packet.h"

/* Bounds that nobody renews hold no longer: without user space hints go on as if there were none. */
INLINE int is_bounded(const struct packet *p, const struct hints *h)
{
	return h->bounded_until > p->seconds;
}

INLINE struct load *load_of_service(const struct packet *p)
{
	__u32 index = MAX_BACKENDS + p->service;

	return loads.lookup(&index);
}

/* A service that grows is not at its bound by that: it is the share of what comes that counts. */
INLINE int is_over_bound(const struct packet *p, __u32 number)
{
	struct load *load = loads.lookup(&number), *all;

	if (!load || load->flows < load->limit)
		return 0;
	all = load_of_service(p);
	return !all || (__u64)load->flows * PART_WHOLE >= (__u64)load->part * all->flows;
}

/* When it opens: a SYN counts too, which is not stored yet, and once more when it is retransmitted. */
INLINE void count_load(struct packet *p)
{
	struct load *load = loads.lookup(&p->number), *all = load_of_service(p);

	if (!load || !all || p->dry)
		return;
	__sync_fetch_and_add(&load->flows, 1);
	__sync_fetch_and_add(&all->flows, 1);
}

INLINE int is_ready(const struct backend *b)
{
	return b->state == BACKEND_UP && (b->ifindex || b->mode == MODE_LOCAL);
}
