// SPDX-License-Identifier: GPL-2.0-only
/* A TCP segment back to where the packet came from, in the packet's own frame. */
#pragma once

#include "packet/checksum.h"
#include "packet/headers.h"
#include "packet/packet.h"
#include "packet/parse.h"

#define REPLY_TTL 64
#define REPLY_OPTIONS 5 /* words of TCP options at the most */

struct reply {
	__be32 seq;
	__be32 ack;
	__be16 window;
	__u8 flags;
	__u8 options; /* how many words of option[] */
	__be32 option[REPLY_OPTIONS];
};

INLINE __u64 sum_of_address(const union address *a, __u8 version)
{
	return version == 4 ? a->word[3] : (__u64)a->word[0] + a->word[1] + a->word[2] + a->word[3];
}

/* Ethernet and VLAN headers stay, but for the turned MACs: the answer goes by the way it came. */
INLINE int reply_link(struct packet *p)
{
	struct ethhdr *eth = (void *)(long)p->ctx->data;

	p->end = (void *)(long)p->ctx->data_end;
	if ((void *)(eth + 1) > p->end)
		return -1;
	swap_macs(eth);
	p->at = (void *)eth + (p->link_length & MAX_LINK);
	return 0;
}

INLINE int reply_ip(struct packet *p, __u16 segment)
{
	if (p->version == 4) {
		struct iphdr *ip = take(p, sizeof(*ip));

		if (!ip)
			return -1;
		*(__be16 *)ip = HTONS(0x4500);
		ip->tot_len = __cpu_to_be16(sizeof(*ip) + segment);
		ip->id = 0;
		ip->frag_off = HTONS(IP_DF);
		ip->ttl = REPLY_TTL;
		ip->protocol = IPPROTO_TCP;
		ip->saddr = p->destination.word[3];
		ip->daddr = p->source.word[3];
		ip->check = ~fold((__u64)HTONS(0x4500) + ip->tot_len + HTONS(IP_DF) +
				  HTONS(REPLY_TTL << 8 | IPPROTO_TCP) + ip->saddr + ip->daddr);
	} else {
		struct ipv6hdr *ip = take(p, sizeof(*ip));

		if (!ip)
			return -1;
		*(__be32 *)ip = HTONL(6u << 28);
		ip->payload_len = __cpu_to_be16(segment);
		ip->nexthdr = IPPROTO_TCP;
		ip->hop_limit = REPLY_TTL;
		copy_address(&ip->saddr, &p->destination);
		copy_address(&ip->daddr, &p->source);
	}
	return 0;
}

/* The checksum (RFC 9293 3.1) is summed over the words as they are written. */
INLINE int reply_tcp(struct packet *p, const struct reply *r, __u16 segment)
{
	__be32 ports = *(__be32 *)&(struct { __be16 source, destination; }){ p->destination_port,
									     p->source_port };
	__be32 rest = HTONL((__u32)5 << 28) + __cpu_to_be32((__u32)r->options << 28) +
		      __cpu_to_be32((__u32)r->flags << 16) +
		      __cpu_to_be32(__be16_to_cpu(r->window));
	__be32 *word = take(p, sizeof(struct tcphdr));
	__u64 sum;

	if (!word)
		return -1;
	sum = sum_of_address(&p->source, p->version) + sum_of_address(&p->destination, p->version) +
	      HTONS(IPPROTO_TCP) + __cpu_to_be16(segment);
	sum += (__u64)ports + r->seq + r->ack + rest;
#pragma unroll
	for (int i = 0; i < REPLY_OPTIONS; i++)
		sum += i < r->options ? r->option[i] : 0;
	word[0] = ports;
	word[1] = r->seq;
	word[2] = r->ack;
	word[3] = rest;
	word[4] = 0;
	*(__u16 *)&word[4] = ~fold(sum);
#pragma unroll
	for (int i = 0; i < REPLY_OPTIONS; i++) {
		__be32 *option;

		if (i >= r->options)
			break;
		option = take(p, 4);
		if (!option)
			return -1;
		*option = r->option[i];
	}
	return 0;
}

/* 0, and the frame is the answer; -1 if the driver does not let the frame have its length. */
INLINE int reply(struct packet *p, const struct reply *r)
{
	__u16 segment = sizeof(struct tcphdr) + r->options * 4;
	__u32 ip = p->version == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);

	if (bpf_xdp_adjust_tail(p->ctx,
				(int)(p->link_length + ip + segment) - (int)p->frame_length))
		return -1;
	return reply_link(p) || reply_ip(p, segment) || reply_tcp(p, r, segment);
}
