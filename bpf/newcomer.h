// SPDX-License-Identifier: GPL-2.0-only
/* Where a new flow of a service with hints goes, and what is counted of that. */
#pragma once

#include "base.h"
#include "filter.h"
#include "hint.h"
#include "outcomes.h"
#include "sample.h"

INLINE void count_cell(const struct packet *p, __u32 cell)
{
	__u32 index = (bpf_get_smp_processor_id() * MAX_SERVICES + p->service) * OUTCOME_CELLS +
		      (cell & (OUTCOME_CELLS - 1));
	__u64 *count = outcomes.lookup(&index);

	if (count && !p->dry)
		*count += 1;
}

/* When it opens: a SYN is bounded, too, which is not stored yet, and once more when it is sent again. */
INLINE void count_load(struct packet *p)
{
	struct load *load = loads.lookup(&p->number), *all = load_of_service(p);

	if (!load || !all || p->dry)
		return;
	__sync_fetch_and_add(&load->flows, 1);
	__sync_fetch_and_add(&all->flows, 1);
}

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

/*
 * To the program that learns hints, until the flow has said enough. Not what says nothing: a client
 * that is sent much may do nothing but acknowledge it; nor a SYN, whatever it has with it.
 */
INLINE int hand_over_unsettled(struct packet *p)
{
	if (!p->unsettled || p->settled == CONFIRMED || p->tcp_flags & TCP_SYN || !has_payload(p))
		return GO_ON;
	return hand_over(p, PROGRAM_LEARNER);
}

INLINE int hand_over_newcomer(struct packet *p)
{
	mark_passed(p->passed);
	return hand_over(p, PROGRAM_NEWCOMER);
}

/* UDP of a service with QUIC server ids, to the program that reads them. */
INLINE int hand_over_quic(struct packet *p)
{
	struct hints *h;

	if (p->backend || p->quoted || p->protocol != IPPROTO_UDP)
		return GO_ON;
	h = hints.lookup(&p->service);
	return h && h->kinds & HINT_CID ? hand_over_newcomer(p) : GO_ON;
}

/*
 * One that says nothing of interest is done with: it passes no other program again. Nor does what came
 * late say any news of its client: that has a hint, and came by none.
 */
INLINE void store_newcomer(struct packet *p, const struct hints *h)
{
	int listen = (h->learn || is_sampled(p, h)) && p->outcome != OUTCOME_LATE;

	store_flow(p, listen ? 0 : LEARNED_FROM);
}

/* The verifier knows these numbers on each way that leads here: it need not, and walks on once. */
INLINE void forget_ways(struct packet *p)
{
	p->version += nothing(p);
	p->protocol += nothing(p);
	p->quoted += nothing(p);
	p->tcp_flags += nothing(p);
	p->passed += nothing(p);
	p->dry += nothing(p);
}

/*
 * What opens a connection follows hints, and is stored then, unless they have led to nothing else
 * than the base choice. TCP that does not open one comes after a SYN that is not stored, so it went
 * by the base choice: so does this. Without `whole`, what would make the program too large for the
 * verifier is handed over.
 */
INLINE int choose_for_newcomer(struct packet *p, const int whole)
{
	struct hints *h = hints.lookup(&p->service);
	__u64 ring = p->entry ? p->entry->ring : 0;
	int syn, held_out;
	__u32 hash, hit, base = 0, former = 0, other = OUTCOME_NONE;

	if (p->backend)
		return GO_ON;
	if (!ring || !h)
		return VERDICT_NO_BACKEND;
	forget_ways(p);
	p->seconds = seconds_now();
	if (!whole && is_sampled(p, h))
		return hand_over_newcomer(p);
	syn = p->protocol == IPPROTO_TCP && p->tcp_flags & TCP_SYN;
	held_out = is_held_out(p, h) + nothing(p);
	hash = base_hash(p, h, held_out);
	p->slot = slot_of(ring, hash);
	p->opens = nothing(p) + (!p->quoted &&
				 (syn || p->protocol != IPPROTO_TCP || p->passed == PASSED_COOKIE));
	hit = held_out ? OUTCOME_HOLDOUT : choose_by_hint(p, h);
	if (p->backend || !p->outcome)
		p->outcome = hit;
	if (!p->backend || !p->opens) {
		base = number_in(ring, p->slot);
		if (!whole && !p->quoted && former_of(ring))
			return hand_over_newcomer(p);
		former = whole ? former_number(p, ring, hash) : 0;
		if (former == base)
			former = 0;
	}
	if (p->backend && !p->opens && p->number != (former ?: base)) {
		p->backend = 0;
		p->outcome = OUTCOME_LATE;
	}
	if (!p->backend && p->opens && !held_out && may_choose_other(p, h, base)) {
		if (!whole)
			return hand_over_newcomer(p);
		other = choose_other(p, h, ring, hash, base);
		p->outcome = p->outcome ?: other;
	}
	if (!p->backend && (!former || syn || take_backend(p, former, 1)) &&
	    take_backend(p, base, 0))
		return VERDICT_NO_BACKEND;
	p->outcome = p->outcome ?: OUTCOME_BASE;
	if (p->quoted)
		return GO_ON;
	if (p->opens && h->kinds & HINT_WARM)
		spend_budget(p, p->number);
	if (p->opens && is_bounded(p, h))
		count_load(p);
	p->reason = syn ? VERDICT_FORWARD_SYN : VERDICT_FORWARD_NEW;
	if (!syn || former || p->number != base) {
		store_newcomer(p, h);
		count_cell(p, p->outcome);
	}
	return GO_ON;
}
