// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables of tagged words: a bucket is one cache line of eight, the upper half of a word is a tag.
 * All CPUs share them, and each word is written in one store. The value is the lower half.
 */
#pragma once

#include "maps/gateway.h"
#include "packet/packet.h"

#define WAYS 8
#define AGES 16
#define LIFETIME 8 /* in epochs: what was idle for longer is forgotten */

/* A word that was found again, in tables with ages. What came once is the first to go. */
#define CONFIRMED (1u << 31)
/* Of a flow, where clients' hints are learned: that it is done with, and that it has said something. */
#define LEARNED_FROM (1u << 30)
#define SPOKEN (1u << 29)
#define SETTLED (CONFIRMED | LEARNED_FROM)

/* Once, there and then: another CPU may write or read meanwhile. */
#define LOAD(place) (*(const volatile typeof(place) *)&(place))
#define STORE(place, value) (*(volatile typeof(place) *)&(place) = (value))

#define WORD_AGE(word) ((__u32)(word) & (AGES - 1))
#define WORD_TAG(word) ((__u32)((word) >> 32))

INLINE __u64 tagged(__u32 tag, __u32 value)
{
	return (__u64)tag << 32 | value;
}

INLINE __u32 current_epoch(void)
{
	__u32 zero = 0;
	struct settings *s = settings.lookup(&zero);

	return s ? s->epoch : 0;
}

/* How many epochs ago, modulo AGES. */
INLINE __u32 age_of(__u64 word, __u32 epoch)
{
	return (epoch - WORD_AGE(word)) & (AGES - 1);
}

/*
 * Bring a bucket near that will be read a little later: what a flood asks for is in no cache. BPF has
 * no prefetch, but a CPU does not wait for a load whose value nobody wants.
 */
INLINE void fetch(const struct bucket *bucket)
{
	if (bucket)
		(void)*(const volatile __u64 *)bucket->flow;
}

/* The way of a bucket that has the tag; WAYS if none has. It is looked for where it would be stored. */
INLINE __u32 find_word(const struct bucket *bucket, __u32 tag)
{
#pragma unroll
	for (int i = 0; i <= WAYS; i++) {
		__u32 way = i ? i - 1 : tag % WAYS;

		if (bucket->half[way][TAG_HALF] == tag && bucket->flow[way])
			return way;
	}
	return WAYS;
}

#define RANK_SAME 0xffffffff
#define RANK_EMPTY 0xfffffffe

/*
 * In place of the word of the same tag, else of an empty one, else of the oldest: by its age if it
 * has one, else by its value, which is a time then. `now` is the epoch or the time. Of aged words
 * those go first that never came twice: a flood of what comes once leaves the others alone.
 */
INLINE void store_word(struct bucket *bucket, __u64 word, __u32 now, const int has_age)
{
	__u32 tag = WORD_TAG(word), best = tag % WAYS, highest = 0;

#pragma unroll
	for (int i = 0; i < WAYS; i++) {
		__u32 way = (tag + i) % WAYS;
		__u64 there = bucket->flow[way];
		__u32 rank = WORD_TAG(there) == tag ? RANK_SAME
			     : !there               ? RANK_EMPTY
			     : has_age ? age_of(there, now) + (there & CONFIRMED ? 0 : AGES)
				       : (now - (__u32)there) ^ 1u << 31;

		if (rank > highest) {
			highest = rank;
			best = way;
		}
	}
	bucket->flow[best % WAYS] = word;
}
