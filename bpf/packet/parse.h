// SPDX-License-Identifier: GPL-2.0-only
/* From the frame's first byte to the ports: one parser for IPv4, IPv6 and what ICMP quotes. */
#pragma once

#include "maps/verdicts.h"
#include "packet/headers.h"
#include "packet/packet.h"

#define MAX_EXTENSIONS 6
#define VLAN_TAGS 2
#define MAX_LINK 0x1f
#define MAX_OPTIONS 0x3f
#define MAX_EXTENSION_BYTES 0x7ff

INLINE __be16 parse_link(struct packet *p)
{
	struct ethhdr *eth = take(p, sizeof(*eth));
	__be16 protocol;
	__u32 length;

	if (!eth)
		return 0;
	protocol = eth->h_proto;
	length = sizeof(*eth);
#pragma unroll
	for (int i = 0; i < VLAN_TAGS; i++) {
		struct vlan_header *vlan;

		if (protocol != HTONS(ETH_P_8021Q) && protocol != HTONS(ETH_P_8021AD))
			break;
		vlan = take(p, sizeof(*vlan));
		if (!vlan)
			return 0;
		protocol = vlan->protocol;
		length += sizeof(*vlan);
	}
	p->link_length = (length + nothing(p)) & MAX_LINK;
	p->at = p->network = (void *)eth + p->link_length;
	return protocol;
}

/* The second half of ::ffff:a.b.c.d, in one store: a half that was stored in two loads slowly. */
INLINE __u64 ipv4_half(__be32 address)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u64)address << 32 | HTONL(0xffff);
#else
	return (__u64)HTONL(0xffff) << 32 | address;
#endif
}

INLINE int parse_ipv4(struct packet *p)
{
	struct iphdr *ip = take(p, sizeof(*ip));
	__u32 header, total;
	__u16 fragment;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return VERDICT_MALFORMED;
	header = ip->ihl * 4;
	total = __be16_to_cpu(ip->tot_len);
	/* Not added to a pointer: behind a swap of bytes the verifier of 6.12 knows no bounds. */
	if (total < header || (!p->quoted && total > p->end - p->network))
		return VERDICT_MALFORMED;
	/* A bound that the verifier sees: LLVM 19 knows it too, and would leave the mask out. */
	if (!take(p, (header - sizeof(*ip) + nothing(p)) & MAX_OPTIONS))
		return VERDICT_MALFORMED;
	fragment = __be16_to_cpu(ip->frag_off);
	p->later_fragment = !!(fragment & IP_OFFSET);
	p->more_fragments = !!(fragment & IP_MF);
	p->version = 4;
	p->protocol = ip->protocol;
	p->traffic_class = ip->tos;
	p->network_length = total;
	p->transport_length = total - header;
	p->source.half[0] = p->destination.half[0] = 0;
	p->source.half[1] = ipv4_half(ip->saddr);
	p->destination.half[1] = ipv4_half(ip->daddr);
	return GO_ON;
}

/* Leaves in p->protocol what is behind the extension headers (RFC 8200 4.1). */
INLINE int skip_extensions(struct packet *p)
{
	__u32 left = p->transport_length, offset = nothing(p) & MAX_EXTENSION_BYTES;
	void *start = p->at;

#pragma unroll
	for (int i = 0; i <= MAX_EXTENSIONS; i++) {
		struct extension *x;
		__u8 kind = p->protocol;
		__u32 size;

		if (kind != IPPROTO_HOPOPTS && kind != IPPROTO_ROUTING && kind != IPPROTO_DSTOPTS &&
		    kind != IPPROTO_FRAGMENT && kind != IPPROTO_AH) {
			p->transport_length = left;
			p->at = start + offset;
			return GO_ON;
		}
		x = start + offset;
		if (i == MAX_EXTENSIONS || (void *)(x + 1) > p->end)
			return VERDICT_MALFORMED;
		size = kind == IPPROTO_FRAGMENT ? 8
		       : kind == IPPROTO_AH     ? (x->length + 2) * 4
						: (x->length + 1) * 8;
		/* A routing header with segments left (byte 3): this is not the last destination. */
		if (size > left || offset + size > MAX_EXTENSION_BYTES ||
		    (kind == IPPROTO_ROUTING && (__be16_to_cpu(x->fragment) & 0xff)))
			return VERDICT_MALFORMED;
		left -= size;
		p->protocol = x->next;
		if (kind == IPPROTO_FRAGMENT) {
			p->more_fragments = !!(x->fragment & HTONS(1));
			if (x->fragment & HTONS(0xfff8)) {
				p->later_fragment = 1;
				p->transport_length = left;
				return GO_ON;
			}
		}
		offset = (offset + size) & MAX_EXTENSION_BYTES;
	}
	return VERDICT_MALFORMED;
}

INLINE int parse_ipv6(struct packet *p)
{
	struct ipv6hdr *ip = take(p, sizeof(*ip));
	__u32 payload;

	if (!ip || ip->version != 6)
		return VERDICT_MALFORMED;
	payload = __be16_to_cpu(ip->payload_len);
	if (!p->quoted && payload > p->end - (void *)(ip + 1))
		return VERDICT_MALFORMED;
	p->version = 6;
	p->protocol = ip->nexthdr;
	p->traffic_class = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	p->network_length = sizeof(*ip) + payload;
	p->transport_length = payload;
	copy_address(&p->source, &ip->saddr);
	copy_address(&p->destination, &ip->daddr);
	return skip_extensions(p);
}

/* Ports and TCP flags. A quote has only the first eight bytes for certain (RFC 792). */
INLINE void parse_transport(struct packet *p)
{
	p->transport = p->at;
	p->has_ports = 0;
	if (p->later_fragment)
		return;
	if (p->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = p->at;

		if ((void *)tcp + 8 > p->end || p->transport_length < 8)
			return;
		p->source_port = tcp->source;
		p->destination_port = tcp->dest;
		if (p->quoted) {
			p->has_ports = 1;
			return;
		}
		if ((void *)(tcp + 1) > p->end || tcp->doff < 5 ||
		    p->transport_length < tcp->doff * 4)
			return;
		p->tcp_flags = ((__u8 *)tcp)[13];
		p->has_ports = 1;
	} else if (p->protocol == IPPROTO_UDP) {
		struct udphdr *udp = take(p, sizeof(*udp));

		if (!udp || p->transport_length < sizeof(*udp))
			return;
		p->source_port = udp->source;
		p->destination_port = udp->dest;
		p->has_ports = 1;
	}
}

INLINE int parse_network(struct packet *p, __be16 protocol)
{
	int verdict;

	if (!protocol)
		return VERDICT_MALFORMED;
	if (protocol == HTONS(ETH_P_IP))
		verdict = parse_ipv4(p);
	else if (protocol == HTONS(ETH_P_IPV6))
		verdict = parse_ipv6(p);
	else
		return VERDICT_NOT_IP;
	if (verdict)
		return verdict;
	parse_transport(p);
	return GO_ON;
}

INLINE int parse(struct packet *p)
{
	return parse_network(p, parse_link(p));
}
