// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allowed and denied prefixes: the longest that has the source decides. A block says which lengths
 * occur below it, and only those are looked for, each by a hash of address and length.
 * docs/prefixes.md has the drawing; accel/datapath/prefixes/table.py puts the entries where this looks for them.
 */
#pragma once

#include "guard/enforce.h"
#include "lib/hash.h"
#include "lib/prefix_bits.h"
#include "lib/tagged_words.h"
#include "maps/gateway.h"
#include "packet/parse.h"
#include "steering/hand_over.h"
#include "steering/service.h"

/*
 * The action of the longest prefix of a block that has these bits; 0 if there is none. An entry is
 * in the bucket of its hash or, as long as all are full, in one of the next. No branches here, too:
 * words have no 63rd bit, so a difference less 1 has it if, and only if, the difference was 0.
 */
INLINE __u32 find_below(struct prefix_bits bits, __u32 index)
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
	struct prefix_bits bits = source_bits(p);
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
		p->prefix = prefix_action(p) | nothing(p);
}

INLINE int parse_and_find_source(struct packet *p)
{
	__be16 protocol = parse_link(p);

	find_source(p, protocol);
	return parse_network(p, protocol);
}

/* Sets p->allowed, or enforces a denial. */
INLINE int filter_prefix(struct packet *p)
{
	struct guard *g;

	if (!p->guard || !p->prefix)
		return GO_ON;
	g = guards.lookup(&p->guard);
	if (!g)
		return GO_ON;
	if (p->prefix & PREFIX_DENY)
		return enforce(p, g, RULE_PREFIX, VERDICT_DENIED);
	p->allowed = g->level[RULE_PREFIX] == RULE_ON;
	return GO_ON;
}

/*
 * With hints as well the program would be too large for the verifier: what is let through goes on in
 * the variant without prefixes. If its source is allowed, as from a guard that has looked at it.
 */
INLINE int hand_on(struct packet *p)
{
	if (p->allowed)
		mark_passed(PASSED_ALL);
	return hand_over(p, PROGRAM_GATEWAY);
}
