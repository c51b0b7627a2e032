// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hints that are learned: where a client's connection lives that has said something twice. A SYN
 * says nothing, whoever sends it, and under attack nothing is learned.
 */
#pragma once

#include "hints/new_flow.h"
#include "steering/hand_over.h"

#define JITTER_SHIFT 3       /* of the longest lifetime, up to an eighth is taken off */
#define RANK_MASK 0x3fffffff /* of a time in seconds: 34 years */

/*
 * In place of the client's own, else of an empty one, else of one past its time, else of that which
 * ends first, and those of clients that never came again before the others: a crowd that comes once,
 * or is made up, takes the place of one true hint in four at the most.
 */
INLINE __u32 rank_of(const struct hint *hint, __u64 word, __u32 now)
{
	if (WORD_TAG(hint->word) == WORD_TAG(word))
		return 0;
	if (!hint->word)
		return 1;
	if (now >= hint->until)
		return 2;
	return 3 + (hint->until & RANK_MASK) + (hint->word & HINT_RETURNED ? RANK_MASK + 1 : 0);
}

/* No other CPU takes the former one's word for that of the new times, or the other way round. */
INLINE void write_hint(struct hint *hint, __u64 word, __u32 until, __u32 end)
{
	STORE(hint->word, 0);
	STORE(hint->until, until);
	STORE(hint->end, end);
	STORE(hint->word, word);
}

INLINE void store_hint(struct hint_bucket *bucket, __u64 word, __u32 now, __u32 until, __u32 end)
{
	__u32 best = 0, earliest = ~0u;

#pragma unroll
	for (int i = 0; i < 4; i++) {
		__u32 rank = rank_of(&bucket->hint[i], word, now);

		if (rank < earliest) {
			earliest = rank;
			best = i;
		}
	}
	write_hint(&bucket->hint[best & 3], word, until, end);
}

INLINE int is_same_advice(__u64 one, __u64 other)
{
	return !((one ^ other) & ~(__u64)HINT_RETURNED);
}

INLINE int is_exception(struct packet *p, const struct hints *h)
{
	__u64 ring = p->entry ? p->entry->ring : 0;

	return ring && number_in(ring, slot_of(ring, base_hash(p, h, 0))) != p->number;
}

INLINE void learn_hint(struct packet *p, const struct hints *h)
{
	__u64 hash = client_hash(p, h), word;
	__u32 index = (__u32)hash & (LEARNED_BUCKETS - 1), now = seconds_now(), longest;
	struct hint_bucket *bucket = learned.lookup(&index);
	struct hint *known = find_learned(hash);

	if (!bucket || is_held_out(p, h) || (h->learn == LEARN_EXCEPTIONS && !is_exception(p, h)))
		return;
	if (is_attacked(p)) {
		count_cell(p, CELL_UNLEARNED);
		return;
	}
	word = (hash >> 32 << 32) | flow_word(0, p->number, p->backend->generation, HINT_PRESENT);
	if (known && is_same_advice(known->word, word) && is_alive(known, now)) {
		known->word = word | HINT_RETURNED;
		prolong(known, now, h->lifetime);
		count_cell(p, CELL_REFRESHED);
		return;
	}
	longest = h->longest - ((h->longest >> JITTER_SHIFT) * (__u64)bpf_get_prandom_u32() >> 32);
	store_hint(bucket, known ? word | HINT_RETURNED : word, now,
		   now + (h->lifetime < longest ? h->lifetime : longest), now + longest);
	count_cell(p, CELL_LEARNED);
}

/* Of a sampled flow all of the handshake is wanted. `nth`: of its packets; 0 if it is not sampled. */
INLINE int has_said_enough(const struct hints *h, __u32 nth, __u32 second)
{
	return nth ? nth >= SAMPLED_PACKETS : !h->learn || second;
}

/* A flow that is known: what it says, and what there is to be learned of that. */
INLINE int learn(struct packet *p)
{
	struct hints *h = hints.lookup(&p->service);
	__u32 way = p->bucket ? find_word(p->bucket, p->tag) : WAYS;
	__u32 nth = 0, second;
	__u64 word;

	/* Gone meanwhile: then it is a new flow. */
	if (!h || way >= WAYS)
		return hand_over(p, PROGRAM_GATEWAY);
	way = (way + nothing(p)) % WAYS;
	word = p->bucket->flow[way];
	if (take_backend(p, WORD_NUMBER(word), 1))
		return VERDICT_NO_BACKEND;
	p->reason = VERDICT_FORWARD_FLOW;
	if (!h->learn && !is_sampled(p, h)) {
		p->bucket->flow[way] = word | SETTLED;
		return GO_ON;
	}
	if (!has_payload(p))
		return GO_ON;
	if (is_sampled(p, h))
		nth = sample_payload(p);
	if (p->reason == VERDICT_FORWARD_NEW)
		return GO_ON;
	second = nth ? nth == 2 : !!(word & SPOKEN);
	p->bucket->flow[way] =
		word | CONFIRMED | (has_said_enough(h, nth, second) ? SETTLED : SPOKEN);
	if (second && h->learn)
		learn_hint(p, h);
	return GO_ON;
}
