// SPDX-License-Identifier: GPL-2.0-only
/* The packet leaves for its backend: headers in front of it as the backend's mode asks for. */
#pragma once

#include "maps/gateway.h"
#include "maps/verdicts.h"
#include "packet/checksum.h"
#include "packet/headers.h"
#include "packet/packet.h"
#include "steering/too_big.h"

#define OUTER_TTL 64
#define FIRST_DYNAMIC_PORT 49152 /* RFC 6335 6; the flow's hash is in the lower 14 bits */

/* Bytes that the mode puts between the link and the packet. */
INLINE __u32 overhead_of(const struct backend *b)
{
	__u32 outer = b->outer == 4   ? sizeof(struct iphdr)
		      : b->outer == 6 ? sizeof(struct ipv6hdr)
				      : 0;

	return b->mode == MODE_GUE ? outer + sizeof(struct udphdr) : outer;
}

INLINE int write_link(struct packet *p, const struct backend *b)
{
	struct ethhdr *eth = take(p, sizeof(*eth));
	__u8 version = b->outer ? b->outer : p->version;
	__be16 protocol = version == 4 ? HTONS(ETH_P_IP) : HTONS(ETH_P_IPV6);

	if (!eth)
		return -1;
	copy_mac(eth->h_dest, b->mac);
	copy_mac(eth->h_source, b->source_mac);
	if (b->vlan) {
		struct vlan_header *vlan = take(p, sizeof(*vlan));

		if (!vlan)
			return -1;
		eth->h_proto = HTONS(ETH_P_8021Q);
		vlan->tci = b->vlan;
		vlan->protocol = protocol;
	} else {
		eth->h_proto = protocol;
	}
	return 0;
}

INLINE int write_ipv4(struct packet *p, const struct backend *b, __u8 protocol, __u16 payload)
{
	struct iphdr *ip = take(p, sizeof(*ip));
	__be16 length = __cpu_to_be16(sizeof(*ip) + payload);

	if (!ip)
		return -1;
	/* Stored as words: bit fields would be read before they are written. */
	*(__be16 *)ip = HTONS(0x4500) | __cpu_to_be16(p->traffic_class);
	ip->tot_len = length;
	ip->id = 0; /* RFC 6864 4.1: of no meaning with DF */
	ip->frag_off = HTONS(IP_DF);
	ip->ttl = OUTER_TTL;
	ip->protocol = protocol;
	ip->saddr = b->source.word[3];
	ip->daddr = b->destination.word[3];
	ip->check = ~fold((__u64)b->checksum + __cpu_to_be16(p->traffic_class) + length +
			  __cpu_to_be16(protocol));
	return 0;
}

/* The flow label spreads flows over equal paths (RFC 6438). */
INLINE int write_ipv6(struct packet *p, const struct backend *b, __u8 protocol, __u16 payload)
{
	struct ipv6hdr *ip = take(p, sizeof(*ip));

	if (!ip)
		return -1;
	*(__be32 *)ip = __cpu_to_be32(6u << 28 | (__u32)p->traffic_class << 20 | p->tag >> 12);
	ip->payload_len = __cpu_to_be16(payload);
	ip->nexthdr = protocol;
	ip->hop_limit = OUTER_TTL;
	copy_address(&ip->saddr, &b->source);
	copy_address(&ip->daddr, &b->destination);
	return 0;
}

/* GUE variant 1: the packet is right behind UDP (draft-ietf-intarea-gue 4). Checksum 0: RFC 6936. */
INLINE int write_gue(struct packet *p, const struct backend *b)
{
	struct udphdr *udp = take(p, sizeof(*udp));

	if (!udp)
		return -1;
	udp->source = __cpu_to_be16(FIRST_DYNAMIC_PORT | p->tag >> 18);
	udp->dest = b->gue_port;
	udp->len = __cpu_to_be16(sizeof(*udp) + p->network_length);
	udp->check = 0;
	return 0;
}

INLINE int write_outer(struct packet *p, const struct backend *b)
{
	__u8 protocol = p->version == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	__u16 payload = p->network_length;

	if (!b->outer)
		return 0;
	if (b->mode == MODE_GUE) {
		protocol = IPPROTO_UDP;
		payload += sizeof(struct udphdr);
	}
	if (b->outer == 4 ? write_ipv4(p, b, protocol, payload)
			  : write_ipv6(p, b, protocol, payload))
		return -1;
	return b->mode == MODE_GUE ? write_gue(p, b) : 0;
}

INLINE int forward(struct packet *p)
{
	struct backend *b = p->backend;
	__u32 overhead = overhead_of(b);
	int grow;

	p->action = XDP_PASS;
	if (b->mode == MODE_LOCAL)
		return p->reason;
	if (!b->ifindex)
		return VERDICT_NO_NEXT_HOP;
	if (overhead && p->network_length + overhead > b->mtu)
		return too_big(p, b->mtu - overhead);

	grow = sizeof(struct ethhdr) + (b->vlan ? sizeof(struct vlan_header) : 0) + overhead -
	       p->link_length;
	if (grow && bpf_xdp_adjust_head(p->ctx, -grow))
		return VERDICT_NO_ROOM;
	p->at = (void *)(long)p->ctx->data;
	p->end = (void *)(long)p->ctx->data_end;
	if (write_link(p, b) || write_outer(p, b))
		return VERDICT_NO_ROOM;
	p->action = b->ifindex == p->ctx->ingress_ifindex ? XDP_TX : bpf_redirect(b->ifindex, 0);
	return p->reason;
}
