// SPDX-License-Identifier: GPL-2.0-only
/* A frame of the flood: what was drawn goes into its pattern, and the checksums follow. */
#pragma once

#include "lab/flood.h"
#include "packet/checksum.h"
#include "packet/headers.h"
#include "packet/packet.h"

INLINE int write_ipv4(void *at, const struct pattern *pattern, const struct drawn *d)
{
	struct iphdr *ip = at + ETH_HLEN;
	struct tcphdr *tcp = (void *)(ip + 1);
	__u32 source = d->source[0];

	ip->saddr = source;
	ip->check = ~fold((__u64)pattern->ip_sum + source);
	tcp->source = d->port;
	tcp->seq = d->seq;
	tcp->ack_seq = d->ack;
	tcp->check = ~fold((__u64)pattern->tcp_sum + source + d->port + d->seq + d->ack);
	return 0;
}

INLINE int write_ipv6(void *at, const struct pattern *pattern, const struct drawn *d)
{
	struct ipv6hdr *ip = at + ETH_HLEN;
	struct tcphdr *tcp = (void *)(ip + 1);
	__u64 sum = (d->source[0] >> 32) + (__u32)d->source[0] + (d->source[1] >> 32) +
		    (__u32)d->source[1];

	copy_address(&ip->saddr, d->source);
	tcp->source = d->port;
	tcp->seq = d->seq;
	tcp->ack_seq = d->ack;
	tcp->check = ~fold(sum + pattern->tcp_sum + d->port + d->seq + d->ack);
	return 0;
}
