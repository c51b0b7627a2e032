// SPDX-License-Identifier: GPL-2.0-only
/* What bots among the flood's sources answer to challenges and cookies. */
#pragma once

#include "lab/flood.h"
#include "packet/checksum.h"
#include "packet/headers.h"
#include "packet/packet.h"

INLINE int of_flood(const struct flood *f, __u64 first, __u64 second)
{
#pragma unroll
	for (int i = 0; i < PREFIXES; i++) {
		const struct prefix *prefix = &f->prefix[i];

		if ((first & ~prefix->mask[0]) == prefix->base[0] &&
		    (second & ~prefix->mask[1]) == prefix->base[1])
			return 1;
	}
	return 0;
}

/* RFC 9293 3.10.7.3: a wrong acknowledgement is answered by an RST, a SYN+ACK by an ACK. */
INLINE int turn_tcp(struct tcphdr *tcp, __u64 addresses)
{
	__be32 number = tcp->ack_seq, ack = 0;
	__be16 port = tcp->source;
	__u16 flags = TCP_RST;
	__be32 *word = (void *)tcp;

	if (tcp->rst || tcp->fin || !tcp->ack)
		return -1;
	if (tcp->syn) {
		flags = TCP_ACK;
		ack = __cpu_to_be32(__be32_to_cpu(tcp->seq) + 1);
	}
	tcp->source = tcp->dest;
	tcp->dest = port;
	tcp->seq = number;
	tcp->ack_seq = ack;
	word[3] = __cpu_to_be32(5u << 28 | (__u32)flags << 16 | 0xfaf0);
	word[4] = 0;
	tcp->check = ~fold(addresses + HTONS(IPPROTO_TCP) + HTONS(sizeof(*tcp)) + word[0] +
			   word[1] + word[2] + word[3]);
	return 0;
}

INLINE int answer_ipv4(struct xdp_md *ctx, struct iphdr *ip)
{
	struct tcphdr *tcp = (void *)(ip + 1);
	__be32 source = ip->saddr;
	__u64 sum;

	if ((void *)(tcp + 1) > (void *)(long)ctx->data_end || ip->protocol != IPPROTO_TCP ||
	    ip->ihl != 5)
		return XDP_DROP;
	ip->saddr = ip->daddr;
	ip->daddr = source;
	ip->tot_len = HTONS(sizeof(*ip) + sizeof(*tcp));
	ip->ttl = HOPS;
	ip->check = 0;
	sum = (__u64)ip->saddr + ip->daddr;
	if (turn_tcp(tcp, sum))
		return XDP_DROP;
	ip->check = ~fold(sum + ((__be32 *)ip)[0] + ((__be32 *)ip)[1] + ((__be32 *)ip)[2]);
	return XDP_TX;
}

INLINE int answer_ipv6(struct xdp_md *ctx, struct ipv6hdr *ip)
{
	struct tcphdr *tcp = (void *)(ip + 1);
	__be32 *word = (void *)&ip->saddr;
	union address source;
	__u64 sum = 0;

	if ((void *)(tcp + 1) > (void *)(long)ctx->data_end || ip->nexthdr != IPPROTO_TCP)
		return XDP_DROP;
	copy_address(&source, &ip->saddr);
	copy_address(&ip->saddr, &ip->daddr);
	copy_address(&ip->daddr, &source);
	ip->payload_len = HTONS(sizeof(*tcp));
	ip->hop_limit = HOPS;
#pragma unroll
	for (int i = 0; i < 8; i++)
		sum += word[i];
	return turn_tcp(tcp, sum) ? XDP_DROP : XDP_TX;
}
