// SPDX-License-Identifier: GPL-2.0-only
/* Where a new flow of a service with hints goes, and what is counted of that. */
#pragma once

#include "hints/base_choice.h"
#include "hints/candidates.h"
#include "hints/load_bound.h"
#include "hints/other_choice.h"
#include "hints/sample.h"
#include "maps/outcomes.h"
#include "steering/hand_over.h"

INLINE void count_cell(const struct packet *p, __u32 cell)
{
	__u32 index = (bpf_get_smp_processor_id() * MAX_SERVICES + p->service) * OUTCOME_CELLS +
		      (cell & (OUTCOME_CELLS - 1));
	__u64 *count = outcomes.lookup(&index);

	if (count && !p->dry)
		*count += 1;
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

INLINE int hand_over_new_flow(struct packet *p)
{
	mark_passed(p->passed);
	return hand_over(p, PROGRAM_NEW_FLOW);
}

/* UDP of a service with QUIC server ids, to the program that reads them. */
INLINE int hand_over_quic(struct packet *p)
{
	struct hints *h;

	if (p->backend || p->quoted || p->protocol != IPPROTO_UDP)
		return GO_ON;
	h = hints.lookup(&p->service);
	return h && h->kinds & HINT_CID ? hand_over_new_flow(p) : GO_ON;
}

/*
 * One that says nothing of interest is done with: it passes no other program again. Nor does what came
 * late say any news of its client: that has a hint, and came by none.
 */
INLINE void store_new_flow(struct packet *p, const struct hints *h)
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

/* What no hint has sent elsewhere: by the base choice, or by the former ring what is under way. */
INLINE int take_base(struct packet *p, int syn, __u32 former, __u32 base)
{
	if (!p->backend && (!former || syn || take_backend(p, former, 1)) &&
	    take_backend(p, base, 0))
		return VERDICT_NO_BACKEND;
	return GO_ON;
}

/* What was decided is counted and, unless the ring will say the same of the next packet, stored. */
INLINE int settle_new_flow(struct packet *p, const struct hints *h, int syn, __u32 former,
			   __u32 base)
{
	p->outcome = p->outcome ?: OUTCOME_BASE;
	if (p->quoted)
		return GO_ON;
	if (p->opens && h->kinds & HINT_WARM)
		spend_budget(p, p->number);
	if (p->opens && is_bounded(p, h))
		count_load(p);
	p->reason = syn ? VERDICT_FORWARD_SYN : VERDICT_FORWARD_NEW;
	if (!syn || former || p->number != base) {
		store_new_flow(p, h);
		count_cell(p, p->outcome);
	}
	return GO_ON;
}

/*
 * What opens a connection follows hints, and is stored then, unless they have led to nothing else
 * than the base choice. TCP that does not open one comes after a SYN that is not stored, so it went
 * by the base choice: so does this. Without `whole`, what would make the program too large for the
 * verifier is handed over.
 */
INLINE int choose_for_new_flow(struct packet *p, const int whole)
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
		return hand_over_new_flow(p);
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
			return hand_over_new_flow(p);
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
			return hand_over_new_flow(p);
		other = choose_other(p, h, ring, hash, base);
		p->outcome = p->outcome ?: other;
	}
	return take_base(p, syn, former, base) ?: settle_new_flow(p, h, syn, former, base);
}
