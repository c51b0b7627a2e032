// SPDX-License-Identifier: GPL-2.0-only
/*
 * Path MTU: a packet that no longer fits once it is encapsulated is answered with the MTU that
 * would fit (RFC 792 and RFC 1191 4, RFC 4443 3.2). From the service's address, so that the
 * gateway needs none of its own on that side and the client's NAT knows the flow.
 */
#pragma once

#include "maps/gateway.h"
#include "maps/verdicts.h"
#include "packet/checksum.h"
#include "packet/headers.h"
#include "packet/packet.h"

#define TOO_BIG_PER_SECOND 1000 /* on each CPU */
#define TOO_BIG_BURST 100
#define SECOND 1000000000ULL

#define QUOTE_IPV4 548  /* 576 bytes in all: RFC 1812 4.3.2.3 */
#define QUOTE_IPV6 1232 /* 1280 bytes in all: RFC 4443 2.4 c */
#define IPV6_LEAST_MTU 1280
#define CHUNK 512 /* what bpf_csum_diff takes at once */

/* A leaky bucket in one word: the time at which it will be empty. */
INLINE int may_tell(void)
{
	const __u64 each = SECOND / TOO_BIG_PER_SECOND;
	__u32 zero = 0;
	struct budget *budget = budgets.lookup(&zero);
	__u64 now = bpf_ktime_get_ns();

	if (!budget)
		return 0;
	if (budget->full_at < now)
		budget->full_at = now;
	if (budget->full_at - now > TOO_BIG_BURST * each)
		return 0;
	budget->full_at += each;
	return 1;
}

/* The sum over `size` bytes, a multiple of 4 known to the compiler. -1: the frame is shorter. */
INLINE __s64 sum_over(struct packet *p, void *from, const __u32 size)
{
	__s64 sum = 0;

#pragma unroll
	for (__u32 done = 0; done < size; done += CHUNK) {
		const __u32 chunk = size - done < CHUNK ? size - done : CHUNK;

		if (from + done + chunk > p->end)
			return -1;
		/* An int to bcc, and kernels before 6.13 use all its 32 bits: not a sign. */
		sum = (__u32)bpf_csum_diff(0, 0, from + done, chunk, sum);
	}
	return sum;
}

/* Ethernet and VLAN headers as they came, from the frame's old start to its new one, turned. */
struct link_copy {
	__u8 destination[ETH_ALEN];
	__u8 source[ETH_ALEN];
	__be32 rest[2]; /* tags */
	__be16 protocol;
};

INLINE int read_link(struct packet *p, struct link_copy *copy)
{
	void *data = (void *)(long)p->ctx->data;

	if (data + sizeof(struct ethhdr) > p->end)
		return -1;
	copy_mac(copy->destination, data + ETH_ALEN);
	copy_mac(copy->source, data);
	if (p->link_length >= 18) {
		if (data + 18 > p->end)
			return -1;
		__builtin_memcpy(&copy->rest[0], data + 12, 4);
	}
	if (p->link_length == 22) {
		if (data + 22 > p->end)
			return -1;
		__builtin_memcpy(&copy->rest[1], data + 16, 4);
	}
	copy->protocol = p->version == 4 ? HTONS(ETH_P_IP) : HTONS(ETH_P_IPV6);
	return 0;
}

INLINE int put_link(struct packet *p, const struct link_copy *copy)
{
	__u8 *macs = take(p, 2 * ETH_ALEN);
	__be16 *protocol;

	if (!macs)
		return -1;
	copy_mac(macs, copy->destination);
	copy_mac(macs + ETH_ALEN, copy->source);
#pragma unroll
	for (int i = 0; i < 2; i++) {
		__be32 *tag;

		if (p->link_length < 18 + 4 * i)
			break;
		tag = take(p, 4);
		if (!tag)
			return -1;
		*tag = copy->rest[i];
	}
	protocol = take(p, 2);
	if (!protocol)
		return -1;
	*protocol = copy->protocol;
	return 0;
}

INLINE int tell_ipv4(struct packet *p, __u16 mtu)
{
	struct iphdr *ip = take(p, sizeof(*ip));
	struct icmp_header *icmp = take(p, sizeof(*icmp));
	__s64 sum;

	if (!ip || !icmp)
		return -1;
	*(__be16 *)ip = HTONS(0x45c0); /* DSCP CS6: RFC 1812 4.3.2.5 */
	ip->tot_len = HTONS(sizeof(*ip) + sizeof(*icmp) + QUOTE_IPV4);
	ip->id = 0;
	ip->frag_off = HTONS(IP_DF);
	ip->ttl = 64;
	ip->protocol = IPPROTO_ICMP;
	ip->saddr = p->destination.word[3];
	ip->daddr = p->source.word[3];
	ip->check = 0;
	ip->check = ~fold(bpf_csum_diff(0, 0, (void *)ip, sizeof(*ip), 0));
	icmp->type = ICMP_UNREACHABLE;
	icmp->code = ICMP_FRAGMENTATION_NEEDED;
	icmp->checksum = 0;
	icmp->id = 0;
	icmp->mtu = __cpu_to_be16(mtu);
	sum = sum_over(p, icmp, sizeof(*icmp) + QUOTE_IPV4);
	if (sum < 0)
		return -1;
	icmp->checksum = ~fold(sum);
	return 0;
}

INLINE int tell_ipv6(struct packet *p, __u16 mtu)
{
	struct ipv6hdr *ip = take(p, sizeof(*ip));
	struct icmp_header *icmp = take(p, sizeof(*icmp));
	__s64 sum;

	if (!ip || !icmp)
		return -1;
	*(__be32 *)ip = HTONL(6u << 28);
	ip->payload_len = HTONS(sizeof(*icmp) + QUOTE_IPV6);
	ip->nexthdr = IPPROTO_ICMPV6;
	ip->hop_limit = 64;
	copy_address(&ip->saddr, &p->destination);
	copy_address(&ip->daddr, &p->source);
	icmp->type = ICMP6_TOO_BIG;
	icmp->code = 0;
	icmp->checksum = 0;
	icmp->id = 0; /* the upper half of a 32-bit MTU */
	icmp->mtu = __cpu_to_be16(mtu < IPV6_LEAST_MTU ? IPV6_LEAST_MTU : mtu);
	/* The pseudo header: the addresses are summed with the rest, they stand in front of it. */
	sum = sum_over(p, &ip->saddr, 32 + sizeof(*icmp) + QUOTE_IPV6);
	if (sum < 0)
		return -1;
	sum += (__u64)HTONS(sizeof(*icmp) + QUOTE_IPV6) + HTONS(IPPROTO_ICMPV6);
	icmp->checksum = ~fold(sum);
	return 0;
}

INLINE int too_big(struct packet *p, __u16 mtu)
{
	__u32 quote = p->version == 4 ? QUOTE_IPV4 : QUOTE_IPV6;
	int outer = p->version == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	struct link_copy link = {};

	if (p->quoted || (!p->dry && !may_tell()) || read_link(p, &link))
		return VERDICT_TOO_BIG_LIMITED;
	if (bpf_xdp_adjust_tail(p->ctx, (int)(p->link_length + quote) - (int)p->frame_length) ||
	    bpf_xdp_adjust_head(p->ctx, -(outer + (int)sizeof(struct icmp_header))))
		return VERDICT_NO_ROOM;
	p->at = (void *)(long)p->ctx->data;
	p->end = (void *)(long)p->ctx->data_end;
	if (put_link(p, &link) || (p->version == 4 ? tell_ipv4(p, mtu) : tell_ipv6(p, mtu)))
		return VERDICT_NO_ROOM;
	return VERDICT_TOO_BIG;
}
