// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allowed and denied prefixes: the longest that has the source decides. A block says which lengths
 * occur below it, and only those are looked for, each by a hash of address and length.
 * docs/prefixes.md has the drawing; accel/datapath/prefixes/table.py puts the entries where this looks for them.
 */
#pragma once

#include "guard_maps.h"
#include "hash.h"
#include "judge.h"
#include "leading.h"
#include "parse.h"
#include "service.h"
#include "words.h"

/*
 * The action of the longest prefix of a block that has these bits; 0 if there is none. An entry is
 * in the bucket of its hash or, as long as all are full, in one of the next. No branches here, too:
 * words have no 63rd bit, so a difference less 1 has it if, and only if, the difference was 0.
 */
INLINE __u32 find_below(struct leading bits, __u32 index)
{
	struct prefix_block *block = prefix_blocks.lookup(&index);
	__u64 cuts, more;
	__u32 step = 0;

	if (!block)
		return 0;
	cuts = block->cuts[0];
	more = block->cuts[1];
	for (int i = 0; i < PREFIX_PROBES && cuts; i++) {
		__u64 hash, entry, allow = 0, deny = 0, room = 0;
		__u32 cut = (cuts & 0xff) - 1, here, shift;
		struct bucket *bucket;

		/* For the CPU to guess, and to fetch the bucket before the block is there. */
		if (cut)
			hash = prefix_hash(cut_off(bits, cut), cut);
		else
			hash = prefix_hash(bits, 0);
		here = ((hash >> PREFIX_SHIFT) + step) & (PREFIX_BUCKETS - 1);
		bucket = prefixes.lookup(&here);
		if (!bucket)
			break;
		entry = PREFIX_ENTRY(hash);
#pragma unroll
		for (int way = 0; way < WAYS; way++) {
			__u64 word = bucket->flow[way];

			allow |= (word ^ (entry | PREFIX_ALLOW)) - 1;
			deny |= (word ^ (entry | PREFIX_DENY)) - 1;
			room |= word - 1;
		}
		if (deny >> 63)
			return PREFIX_DENY;
		if (allow >> 63)
			return PREFIX_ALLOW;
		/* The next length if there was an empty word, else the next bucket. */
		shift = room >> 63 << 3;
		step = (step + 1) >> 2 * shift;
		cuts = cuts >> shift | (more & ((1 << shift) - 1)) << 56;
		more >>= shift;
	}
	return 0;
}

INLINE __u32 prefix_action(const struct packet *p)
{
	struct leading bits = leading_of(p);
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

/*
 * What the prefixes say of the source, for filter_prefix(). This comes before all other headers are
 * parsed, since the verifier follows the search once for each way that leads to it.
 */
INLINE void find_source(struct packet *p, __be16 protocol)
{
	if (protocol == HTONS(ETH_P_IP)) {
		struct iphdr *ip = p->at;

		if ((void *)(ip + 1) > p->end)
			return;
		p->version = 4;
		p->source.half[1] = ipv4_half(ip->saddr);
		p->destination.half[1] = ipv4_half(ip->daddr);
	} else if (protocol == HTONS(ETH_P_IPV6)) {
		struct ipv6hdr *ip = p->at;

		if ((void *)(ip + 1) > p->end)
			return;
		p->version = 6;
		copy_address(&p->source, &ip->saddr);
		copy_address(&p->destination, &ip->daddr);
	} else {
		return;
	}
	if (sieve_holds(&p->destination))
		/* A number to the verifier: it goes on from here once, not once for each. */
		p->listed = prefix_action(p) | nothing(p);
}

/* Sets p->allowed, or judges what is denied. */
INLINE int filter_prefix(struct packet *p)
{
	struct guard *g;

	if (!p->guard || !p->listed)
		return GO_ON;
	g = guards.lookup(&p->guard);
	if (!g)
		return GO_ON;
	if (p->listed & PREFIX_DENY)
		return judge(p, g, RULE_PREFIX, VERDICT_DENIED);
	p->allowed = g->level[RULE_PREFIX] == RULE_ON;
	return GO_ON;
}
