// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hints: advice on where a new flow should land, so that a TLS ticket, a warm connection or a cache
 * is used again. Each candidate is admitted or refused; what is refused falls through to the next
 * and at last to the base choice.
 */
#pragma once

#include "hints/base_choice.h"
#include "hints/load_bound.h"
#include "lib/clock.h"
#include "maps/gateway.h"
#include "maps/outcomes.h"
#include "packet/parse.h"
#include "steering/flow_cache.h"
#include "steering/ring.h"

#define HINTS_OF_CLIENTS (HINT_PUSHED | HINT_LEARNED | HINT_PREFIX)

/* In the order of the outcomes of each kind. */
enum refusal { ADMITTED, EXPIRED, STALE, DOWN, OVERFLOW };

/* A division, so it is read once for a packet. */
INLINE __u32 seconds_now(void)
{
	return bpf_jiffies64() / TICKS_PER_SECOND;
}

/* Whether the clients' answers cannot be believed now: nothing is learned or prolonged then. */
INLINE int is_attacked(struct packet *p)
{
	struct guard *g = p->guard ? guards.lookup(&p->guard) : 0;

	return g && g->level[RULE_SYN] == RULE_ON;
}

/* Takes the backend of a hint's word, if it may be taken. */
INLINE int admit(struct packet *p, const struct hints *h, __u64 word)
{
	struct backend *b;

	p->number = WORD_NUMBER(word);
	b = backends.lookup(&p->number);
	if (!b || b->service != p->service || b->generation != WORD_GENERATION(word))
		return STALE;
	if (!is_ready(b))
		return DOWN;
	if (is_bounded(p, h) && !(word & HINT_REQUIRE) && is_over_bound(p, p->number))
		return OVERFLOW;
	p->backend = b;
	return ADMITTED;
}

/* A hint lives on while its client comes, but never beyond its end. */
INLINE void prolong(struct hint *hint, __u32 now, __u32 lifetime)
{
	__u32 until = now + lifetime;

	if (until > hint->end)
		until = hint->end;
	if (until > hint->until)
		hint->until = until;
}

/* Both are looked at: one may be prolonged while its place is given to another. */
INLINE int is_alive(const struct hint *hint, __u32 now)
{
	return now < LOAD(hint->until) && now < LOAD(hint->end);
}

/*
 * The word of a hint; without HINT_PRESENT if it is past its time, 0 if there is none. The word is
 * read once more after the times: they are those of the same hint then (hints/learn.h, write_hint()).
 */
INLINE __u64 read_hint(struct hint *hint, __u64 hash, __u32 now, __u32 lifetime)
{
	int alive = hint && is_alive(hint, now);
	__u64 word = hint ? LOAD(hint->word) : 0;

	if (!(word & HINT_PRESENT) || WORD_TAG(word ^ hash))
		return 0;
	if (!alive)
		return word & ~(__u64)HINT_PRESENT;
	prolong(hint, now, lifetime);
	return word;
}

/* The hint of a bucket that has the hash's tag; `room` if there is none and it was never full. */
INLINE struct hint *find_tag(struct hint_bucket *bucket, __u64 hash, __u64 *room)
{
	__u64 way = 0, empty = 0;

#pragma unroll
	for (int i = 0; i < 4; i++) {
		__u64 word = bucket->hint[i].word;
		__u64 same = if_zero((word ^ hash) >> 32) & -(word & HINT_PRESENT);

		way = (way & ~same) | (same & (i + 1));
		empty |= if_zero(word);
	}
	*room = empty;
	return way ? &bucket->hint[(way - 1) & 3] : 0;
}

INLINE struct hint *find_pushed(__u64 hash)
{
	__u64 room = 0;

#pragma nounroll
	for (__u32 step = 0; step < HINT_STEPS; step++) {
		__u32 index = ((__u32)hash + step) & (HINT_BUCKETS - 1);
		struct hint_bucket *bucket = pushed.lookup(&index);
		struct hint *hint = bucket ? find_tag(bucket, hash, &room) : 0;

		if (hint || room || !bucket)
			return hint;
	}
	return 0;
}

INLINE struct hint *find_learned(__u64 hash)
{
	__u32 index = (__u32)hash & (LEARNED_BUCKETS - 1);
	struct hint_bucket *bucket = learned.lookup(&index);
	__u64 room;

	return bucket ? find_tag(bucket, hash, &room) : 0;
}

INLINE struct hint *find_of_prefix(const struct packet *p)
{
	struct prefix_key key = { .bits = 32 + 128, .service = p->service };

	copy_address(&key.address, &p->source);
	return prefix_hints.lookup(&key);
}

/* The first candidate that is admitted; the outcome, 0 if there was no candidate. */
INLINE __u32 choose_by_hint(struct packet *p, const struct hints *h)
{
	__u32 lifetime, now = p->seconds, first = OUTCOME_NONE + nothing(p);
	__u64 hash, words[3] = {};

	/* Other services pay for those that have hints as little as can be. */
	if (!(h->kinds & HINTS_OF_CLIENTS))
		return first;
	lifetime = p->opens && !p->dry && !is_attacked(p) ? h->lifetime : nothing(p);
	hash = client_hash(p, h);
	if (h->kinds & HINT_PUSHED)
		words[0] = read_hint(find_pushed(hash), hash, now, lifetime);
	if (h->kinds & HINT_LEARNED)
		words[1] = read_hint(find_learned(hash), hash, now, lifetime);
	if (h->kinds & HINT_PREFIX)
		words[2] = read_hint(find_of_prefix(p), 0, now, lifetime);
#pragma nounroll
	for (__u32 i = 0; i < 3; i++) {
		__u32 hit = OUTCOME_PUSHED + i * (OUTCOME_LEARNED - OUTCOME_PUSHED), refusal;

		if (!words[i])
			continue;
		refusal = words[i] & HINT_PRESENT ? admit(p, h, words[i]) : EXPIRED;
		if (p->backend)
			return hit + nothing(p);
		if (!first)
			first = hit + refusal + nothing(p);
	}
	return first;
}
