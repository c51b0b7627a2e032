// SPDX-License-Identifier: GPL-2.0-only
/* Which service is the packet for? What is for none goes up the host's stack at once. */
#pragma once

#include "maps.h"
#include "packet.h"
#include "verdicts.h"

/* Also in accel/image.py, which sets the bits. */
#define SIEVE_FACTOR 0x9e3779b97f4a7c15ULL
#define SIEVE_SHIFT 48

INLINE int sieve_holds(const union address *address)
{
	__u32 bit = (address->half[0] ^ address->half[1]) * SIEVE_FACTOR >> SIEVE_SHIFT;
	__u32 index = bit / 64;
	__u64 *word = sieve.lookup(&index);

	return word && *word >> (bit % 64) & 1;
}

/* By ports: the service of this very port, else that of any. Without: the address as such. */
INLINE int find_service(struct packet *p)
{
	struct service_key key = {.address = p->destination};
	struct service *service;

	if (!sieve_holds(&p->destination))
		return VERDICT_NOT_SERVICE;
	if (!p->has_ports) {
		if (!services.lookup(&key))
			return VERDICT_NOT_SERVICE;
		if (p->later_fragment)
			return VERDICT_FRAGMENT;
		if (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP)
			return VERDICT_BAD_TRANSPORT;
		if (p->protocol == IPPROTO_ICMP || p->protocol == IPPROTO_ICMPV6)
			return GO_ON;
		return VERDICT_NOT_SERVICE;
	}
	key.port = p->destination_port;
	key.protocol = p->protocol;
	service = services.lookup(&key);
	if (!service) {
		key.port = 0;
		service = services.lookup(&key);
		if (!service)
			return VERDICT_NOT_SERVICE;
	}
	p->service = service->index;
	return GO_ON;
}
