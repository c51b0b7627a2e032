// SPDX-License-Identifier: GPL-2.0-only
/* Which service is the packet for? What is for none goes up the host's stack at once. */
#pragma once

#include "lib/tagged_words.h"
#include "maps/gateway.h"
#include "maps/verdicts.h"
#include "packet/packet.h"

/* Also in accel/datapath/encode.py, which sets the bits. */
#define SIEVE_FACTOR 0x9e3779b97f4a7c15ULL
#define SIEVE_SHIFT 48

INLINE int sieve_holds(const union address *address)
{
	__u32 bit = (address->half[0] ^ address->half[1]) * SIEVE_FACTOR >> SIEVE_SHIFT;
	__u32 index = bit / 64;
	__u64 *word = sieve.lookup(&index);

	return word && *word >> (bit % 64) & 1;
}

/* Also in accel/datapath/steering/services_table.py, which puts the entries where this looks for them. */
#define SERVICE_FACTOR_0 0x9e3779b97f4a7c15ULL
#define SERVICE_FACTOR_1 0xc2b2ae3d27d4eb4fULL
#define SERVICE_FIRST_SHIFT 44
#define SERVICE_SECOND_SHIFT 20

/* Half 1 is turned so that what tells IPv4 addresses apart is in its lower bits. */
INLINE __u64 service_hash(const union address *address, __u32 what)
{
	__u64 turned = address->half[1] >> 32 | address->half[1] << 32;
	__u64 hash = ((address->half[0] ^ turned) + what * SERVICE_FACTOR_1) * SERVICE_FACTOR_0;

	return (hash ^ hash >> 32) * SERVICE_FACTOR_1;
}

/* Sets what the packet has of its service; the verdict if it has none. */
INLINE int lookup_service(struct packet *p, __u32 what)
{
	const union address *address = &p->destination;
	__u64 hash = service_hash(address, what);

#pragma unroll
	for (int i = 0; i < 2; i++) {
		__u32 shift = i ? SERVICE_SECOND_SHIFT : SERVICE_FIRST_SHIFT;
		__u32 index = hash >> shift & (SERVICE_BUCKETS - 1);
		struct service_bucket *bucket = services.lookup(&index);

		if (!bucket)
			break;
#pragma unroll
		for (int j = 0; j < 2; j++) {
			struct service *s = &bucket->service[j];

			if (s->what == what && s->address.half[1] == address->half[1] &&
			    s->address.half[0] == address->half[0]) {
				p->service = s->index & (LEARNS - 1);
				p->settled = CONFIRMED | (s->index & LEARNS) << 15;
				p->guard = s->guard;
				p->entry = s;
				return GO_ON;
			}
		}
	}
	return VERDICT_NOT_SERVICE;
}

/* By ports: the service of this very port, else that of any. Without: the address as such. */
INLINE int find_service(struct packet *p)
{
	struct service key = { .used = 1 };
	int icmp, verdict;

	if (!sieve_holds(&p->destination))
		return VERDICT_NOT_SERVICE;
	/* IPv4's own form of an address (maps/gateway.h), but not from an IPv4 header. */
	if (p->version == 6 && !p->destination.half[0] && p->destination.word[2] == HTONL(0xffff))
		return VERDICT_NOT_SERVICE;
	if (p->has_ports) {
		key.port = p->destination_port;
		key.protocol = p->protocol;
	}
	verdict = lookup_service(p, key.what);
	if (verdict && p->has_ports) {
		key.port = 0;
		verdict = lookup_service(p, key.what);
	}
	if (verdict || p->has_ports)
		return verdict;
	icmp = p->protocol == IPPROTO_ICMP || p->protocol == IPPROTO_ICMPV6;
	if (!icmp && p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP)
		return VERDICT_NOT_SERVICE;
	if (p->later_fragment)
		return VERDICT_FRAGMENT;
	return icmp ? GO_ON : VERDICT_BAD_TRANSPORT;
}
