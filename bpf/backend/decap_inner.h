// SPDX-License-Identifier: GPL-2.0-only
/* What is inside: checked, told of congestion, and brought to the front of the frame. */
#pragma once

#include "maps/decap_verdicts.h"
#include "packet/checksum.h"
#include "packet/headers.h"
#include "packet/packet.h"
#include "packet/parse.h"

#define ECN_MASK 3 /* RFC 3168 5 */
#define ECN_ECT1 1
#define ECN_ECT0 2
#define ECN_CE 3

struct gue_header {
	__u8 first; /* variant (2 bits), control (1), length of extensions in words (5) */
	__u8 protocol;
	__be16 flags;
};

/*
 * draft-ietf-intarea-gue 3 and 4: variant 0 has a header, variant 1 is the packet itself, told by
 * the first bits of its version. We know no extension, so none is let through. The UDP checksum
 * is not verified: inside are others, and gateways send none (RFC 6936).
 */
INLINE int open_gue(struct packet *p)
{
	struct udphdr *udp = p->transport;
	struct gue_header *gue = p->at;
	__u32 length;

	if (p->protocol != IPPROTO_UDP)
		return DECAP_GO_ON;
	if ((void *)(udp + 1) > p->end || (void *)(gue + 1) > p->end)
		return DECAP_INNER_BROKEN;
	length = __be16_to_cpu(udp->len);
	if (length < sizeof(*udp) + sizeof(*gue) || length > p->transport_length)
		return DECAP_INNER_BROKEN;
	p->transport_length = length - sizeof(*udp);
	if (gue->first >> 4 == 4) {
		p->protocol = IPPROTO_IPIP;
	} else if (gue->first >> 4 == 6) {
		p->protocol = IPPROTO_IPV6;
	} else {
		if (gue->first || gue->flags ||
		    (gue->protocol != IPPROTO_IPIP && gue->protocol != IPPROTO_IPV6))
			return DECAP_GUE_REFUSED;
		p->protocol = gue->protocol;
		p->transport_length -= sizeof(*gue);
		p->at = gue + 1;
	}
	return DECAP_GO_ON;
}

/* From here on `version`, `transport` and `protocol` are the inner packet's. */
INLINE int read_inner(struct packet *p)
{
	p->transport = p->at;
	if (p->protocol == IPPROTO_IPIP) {
		struct iphdr *ip = take(p, sizeof(*ip));
		__u32 total;

		if (!ip || ip->version != 4 || ip->ihl < 5)
			return DECAP_INNER_BROKEN;
		total = __be16_to_cpu(ip->tot_len);
		if (total < ip->ihl * 4 || total > p->transport_length)
			return DECAP_INNER_BROKEN;
		p->version = 4;
		p->protocol = ip->protocol;
	} else {
		struct ipv6hdr *ip = take(p, sizeof(*ip));

		if (!ip || ip->version != 6)
			return DECAP_INNER_BROKEN;
		if (sizeof(*ip) + __be16_to_cpu(ip->payload_len) > p->transport_length)
			return DECAP_INNER_BROKEN;
		p->version = 6;
		p->protocol = ip->nexthdr;
	}
	if (p->protocol == IPPROTO_IPIP || p->protocol == IPPROTO_IPV6)
		return DECAP_NESTED;
	return DECAP_GO_ON;
}

/* RFC 6040 4.2, figure 4: what the inner packet says after the outer one is gone. */
INLINE int carry_congestion(struct packet *p)
{
	__u8 outer = p->traffic_class & ECN_MASK, inner;
	__u8 *header = p->transport;

	if (outer != ECN_CE && outer != ECN_ECT1)
		return DECAP_GO_ON;
	if (header + sizeof(struct iphdr) > (__u8 *)p->end)
		return DECAP_INNER_BROKEN;
	inner = (p->version == 4 ? header[1] : header[1] >> 4) & ECN_MASK;
	if (!inner)
		return outer == ECN_CE ? DECAP_CONGESTION_LOST : DECAP_GO_ON;
	if (outer == ECN_ECT1 && inner == ECN_CE)
		return DECAP_GO_ON;
	if (p->version == 4) {
		struct iphdr *ip = p->transport;
		__u16 before = *(__u16 *)ip;

		ip->tos = (ip->tos & ~ECN_MASK) | outer;
		ip->check = checksum_after(ip->check, before, *(__u16 *)ip);
	} else {
		header[1] = (header[1] & ~(ECN_MASK << 4)) | outer << 4;
	}
	return DECAP_GO_ON;
}

/* The Ethernet header and its tags move up to the inner packet. */
INLINE int strip(struct packet *p)
{
	__u8 *frame = (void *)(long)p->ctx->data;
	int outer = p->transport - p->network;
	__u32 macs[3], tags[2] = {};

	if ((void *)frame + sizeof(struct ethhdr) + VLAN_TAGS * sizeof(tags[0]) > p->end)
		return DECAP_NO_LINK;
	__builtin_memcpy(macs, frame, sizeof(macs));
	__builtin_memcpy(tags, frame + sizeof(macs), sizeof(tags));
	if (bpf_xdp_adjust_head(p->ctx, outer))
		return DECAP_NO_LINK;
	p->at = (void *)(long)p->ctx->data;
	p->end = (void *)(long)p->ctx->data_end;
	frame = take(p, sizeof(macs));
	if (!frame)
		return DECAP_NO_LINK;
	__builtin_memcpy(frame, macs, sizeof(macs));
#pragma unroll
	for (__u32 i = 0; i < VLAN_TAGS; i++) {
		__u32 *tag;

		if (p->link_length < sizeof(struct ethhdr) + (i + 1) * sizeof(*tag))
			break;
		tag = take(p, sizeof(*tag));
		if (!tag)
			return DECAP_NO_LINK;
		*tag = tags[i];
	}
	frame = take(p, sizeof(__be16));
	if (!frame)
		return DECAP_NO_LINK;
	*(__be16 *)frame = p->version == 4 ? HTONS(ETH_P_IP) : HTONS(ETH_P_IPV6);
	return DECAP_UNWRAPPED;
}
