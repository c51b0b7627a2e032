// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allowed and denied prefixes: the longest that has the source decides. A block says which lengths
 * occur below it, and only those are looked for, each by a hash of address and length.
 * docs/prefixes.md has the drawing; accel/prefixes.py puts the entries where this looks for them.
 */
#pragma once

#include "guard_maps.h"
#include "hash.h"
#include "judge.h"
#include "packet.h"
#include "words.h"

/* A source's bits in the order of their weight, as many of the lowest as one likes cut off. */
struct leading {
	__u64 high;
	__u64 low;
};

INLINE struct leading cut_off(struct leading bits, __u32 count)
{
	if (count < 64) {
		bits.low = bits.low >> count << count;
		return bits;
	}
	bits.low = 0;
	bits.high = count < 128 ? bits.high >> (count - 64) << (count - 64) : 0;
	return bits;
}

#define PREFIX_SUM(K, bits, cut)                                                                   \
	((K##_0 + (K##_1 + (__u32)((bits).high >> 32)) * (K##_2 + (__u32)(bits).high) +            \
	  (K##_3 + (__u32)((bits).low >> 32)) * (K##_4 + (__u32)(bits).low) +                      \
	  (K##_5 + (cut)) * K##_6) >>                                                              \
	 32)

/* Strongly universal over all 64 bits (hash.h); mixed, which loses nothing, for the bucket. */
INLINE __u64 prefix_hash(struct leading bits, __u32 cut)
{
	__u64 hash = PREFIX_SUM(FLOW_KEY_TAG, bits, cut) << 32 |
		     PREFIX_SUM(FLOW_KEY_BUCKET, bits, cut);

	return (hash ^ hash >> 32) * FLOW_KEY_MIX;
}

/* The action of the prefix with this hash, 0 if there is none: then an empty word comes first. */
INLINE __u32 find_prefix(__u64 hash)
{
	__u32 home = hash >> PREFIX_SHIFT;

	for (__u32 step = 0; step < PREFIX_STEPS; step++) {
		__u32 index = (home + step) & (PREFIX_BUCKETS - 1);
		struct bucket *bucket = prefixes.lookup(&index);

		if (!bucket)
			return 0;
#pragma unroll
		for (int i = 0; i < WAYS; i++) {
			__u64 word = bucket->flow[((__u32)(hash >> 2) + i) % WAYS];

			if (!((word ^ hash) >> 2))
				return word & PREFIX_ACTIONS;
			if (!word)
				return 0;
		}
	}
	return 0;
}

/* That of the longest prefix of a block that has these bits. */
INLINE __u32 find_below(struct leading bits, __u32 index)
{
	struct prefix_block *block = prefix_blocks.lookup(&index);
	__u64 cuts, more;

	if (!block)
		return 0;
	cuts = block->cuts[0];
	more = block->cuts[1];
	for (int i = 0; i < PREFIX_LENGTHS && cuts; i++) {
		__u32 cut = (cuts & 0xff) - 1;
		__u32 action = find_prefix(prefix_hash(cut_off(bits, cut), cut));

		if (action)
			return action;
		cuts = cuts >> 8 | more << 56;
		more >>= 8;
	}
	return 0;
}

INLINE __u32 prefix_action(const struct packet *p)
{
	struct leading bits = {
		.high = __be64_to_cpu(p->source.half[0]),
		.low = __be64_to_cpu(p->source.half[1]),
	};
	__u32 block, rest;

	if (p->version == 4) {
		block = (bits.low >> 16) & 0xffff;
		rest = PREFIX_REST_4;
	} else {
		block = PREFIX_BLOCKS_6 + ((__u32)(bits.high >> 32) * PREFIX_FACTOR >> 16);
		rest = PREFIX_REST_6;
	}
	return find_below(bits, block) ?: find_below(bits, rest);
}

/* Sets p->allowed, or judges what is denied. */
INLINE int filter_prefix(struct packet *p, const struct guard *g)
{
	__u32 action;

	if (!g->level[RULE_PREFIX])
		return GO_ON;
	action = prefix_action(p);
	if (action & PREFIX_DENY)
		return judge(p, g, RULE_PREFIX, VERDICT_DENIED);
	if (g->level[RULE_PREFIX] == RULE_ON)
		p->allowed = action & PREFIX_ALLOW;
	return GO_ON;
}
