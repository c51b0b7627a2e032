// SPDX-License-Identifier: GPL-2.0-only
/* In the place of the base choice: a backend below its load bound, or a warmer one. */
#pragma once

#include "hints/load_bound.h"
#include "lib/hash.h"
#include "maps/gateway.h"
#include "maps/outcomes.h"
#include "packet/packet.h"
#include "steering/ring.h"

INLINE __u32 budget_of(const struct packet *p, __u32 number)
{
	struct warmth *warmth = warmths.lookup(&number);

	return warmth && warmth->until > p->seconds ? warmth->budget : 0;
}

INLINE void spend_budget(const struct packet *p, __u32 number)
{
	struct warmth *warmth = warmths.lookup(&number);

	__u32 budget = warmth ? warmth->budget : 0;

	/* Read once: another CPU may spend the last one meanwhile, and there is nothing below 0. */
	if (budget && !p->dry)
		warmth->budget = budget - 1;
}

#define LIST_TRIES 16

/* The next backend of the ring's list, from a place by the hash on, that is below its bound. */
INLINE __u32 find_below_bound(const struct packet *p, __u64 ring, __u32 hash)
{
	__u32 first = RING_FIRST(ring);
	struct ring_line *header = rings.lookup(&first);
	__u32 count = header ? header->count : 0, start = (__u64)hash * count >> 32;

	first += 1 + (RING_SLOTS(ring) + 31) / 32;
#pragma nounroll
	for (__u32 i = 0; i < LIST_TRIES; i++) {
		__u32 at = start + i, index, number;
		struct ring_line *line;
		struct backend *b;

		at -= at >= count ? count : 0;
		index = first + at / 16;
		line = rings.lookup(&index);
		if (!line)
			return 0;
		number = line->number[at % 16];
		b = backends.lookup(&number);
		if (number && b && is_ready(b) && !is_over_bound(p, number))
			return number;
	}
	return 0;
}

/* Whether there may be a better one than the base choice. */
INLINE int may_choose_other(const struct packet *p, const struct hints *h, __u32 base)
{
	return h->kinds & HINT_WARM || (is_bounded(p, h) && is_over_bound(p, base));
}

/* In the place of the base choice: one that is below its bound, or that is warmer. */
INLINE __u32 choose_other(struct packet *p, const struct hints *h, __u64 ring, __u32 hash,
			  __u32 base)
{
	__u32 again = (__u64)hash * FLOW_KEY_MIX >> 32,
	      other = number_in(ring, slot_of(ring, again));
	int bounded = is_bounded(p, h), over = bounded && is_over_bound(p, base);

	if (!over && (!(h->kinds & HINT_WARM) || budget_of(p, other) <= budget_of(p, base)))
		return OUTCOME_NONE;
	if (bounded && is_over_bound(p, other)) {
		if (!over)
			return OUTCOME_NONE;
		other = find_below_bound(p, ring, again);
	}
	if (other == base || take_backend(p, other, 0) || !is_ready(p->backend)) {
		p->backend = 0;
		return OUTCOME_NONE;
	}
	return over ? OUTCOME_BASE_OVERFLOW : OUTCOME_WARM;
}
