// SPDX-License-Identifier: GPL-2.0-only
/* What is to be lost on its way: everything that comes in, or the answers to a flood's sources. */
#include "packet/headers.h"
#include "packet/packet.h"

#define TC_ACT_OK 0
#define TC_ACT_SHOT 2

int drop(struct xdp_md *ctx)
{
	return XDP_DROP;
}

/* At TC egress. The loader defines FLOOD and FLOOD_MASK, in host byte order. */
int swallow(struct __sk_buff *skb)
{
	struct iphdr *ip = (void *)(long)skb->data + ETH_HLEN;

	if ((void *)(ip + 1) > (void *)(long)skb->data_end || skb->protocol != HTONS(ETH_P_IP))
		return TC_ACT_OK;
	return (ip->daddr & HTONL(FLOOD_MASK)) == HTONL(FLOOD) ? TC_ACT_SHOT : TC_ACT_OK;
}
