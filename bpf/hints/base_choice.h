// SPDX-License-Identifier: GPL-2.0-only
/*
 * The base choice of a service with hints: a slot of its ring, from the packet and the service's
 * configuration alone, so that all gateways agree on it (docs/hints.md).
 */
#pragma once

#include "lib/prefix_bits.h"
#include "maps/gateway.h"
#include "steering/ring.h"

/* A client, as hints know it. */
INLINE struct prefix_bits client_of(const struct packet *p, const struct hints *h)
{
	return cut_off(source_bits(p), p->version == 4 ? h->cut4 : h->cut6);
}

/*
 * Which bucket its hints are in: the lower half, and their tag: the upper one. That is the hash's
 * other way round, since what is mixed best is its upper half: by the lower one consecutive
 * addresses gathered in a few buckets, with one key of a thousand.
 */
INLINE __u64 client_hash(const struct packet *p, const struct hints *h)
{
	__u64 hash = prefix_hash(client_of(p, h), p->service);

	return hash << 32 | hash >> 32;
}

/* Whether the client is of the group that hints are measured against. */
INLINE int is_held_out(const struct packet *p, const struct hints *h)
{
	return h->holdout && (__u32)PREFIX_SUM(RING_KEY, client_of(p, h), 0) < h->holdout;
}

#define PREFIX_CUT_4 8  /* IPv4 /24 */
#define PREFIX_CUT_6 80 /* IPv6 /48 */

INLINE __u32 affinity_hash(const struct packet *p, const struct hints *h)
{
	struct prefix_bits bits = client_of(p, h);

	if (h->affinity == AFFINITY_PREFIX)
		bits = cut_off(bits, p->version == 4 ? PREFIX_CUT_4 : PREFIX_CUT_6);
	return PREFIX_SUM(RING_KEY, bits, p->destination_port << 8 | p->protocol);
}

/* One of the few backends of a shard: which ones its key says, which of them the flow. */
INLINE __u32 shard_hash(const struct packet *p, const struct hints *h)
{
	struct prefix_bits key = {};
	__u32 member = ring_hash(p) % (h->shard_size ?: 1);

	if (h->shard_key == SHARD_SOURCE)
		key = client_of(p, h);
	else if (h->shard_key == SHARD_PORT)
		key.low = p->source_port;
	return (PREFIX_SUM(RING_KEY, key, p->destination_port << 8 | p->protocol) + member) *
		       FLOW_KEY_MIX >>
	       32;
}

INLINE __u32 base_hash(const struct packet *p, const struct hints *h, int held_out)
{
	if (held_out)
		return ring_hash(p);
	if (h->shard_key)
		return shard_hash(p, h);
	return h->affinity ? affinity_hash(p, h) : ring_hash(p);
}
