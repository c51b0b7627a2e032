// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guard does with packets that the gateway hands over to it, in programs of their own:
 * each ends the packet, or hands it back.
 */
#include "verdicts.h"
#include "headers.h"
#include "maps.h"
#include "packet.h"
#include "parse.h"
#include "service.h"
#include "count.h"
#include "guard.h"

#define MAX_HEADERS 0xfff /* bytes of what is in front of the transport header */

/*
 * The packet as it looks whichever headers led here: the verifier walks on from here once, instead of
 * once for each combination of them. Fragments have been seen to.
 */
INLINE int settle(struct packet *p)
{
	void *data = (void *)(long)p->ctx->data;

	p->end = (void *)(long)p->ctx->data_end;
	p->network = data + ((p->network - data) & MAX_LINK);
	p->at = p->transport = data + ((p->transport - data) & MAX_HEADERS);
	p->later_fragment = p->more_fragments = p->quoted = 0;
	asm volatile("" : : "r"(p) : "memory");
	return GO_ON;
}

/* UDP and ICMP of sources that may send only so many packets. */
int limit(struct xdp_md *ctx)
{
	struct packet p = PACKET(ctx);
	int verdict;

	verdict = parse(&p) ?: find_service(&p) ?: settle(&p) ?: limit_rate(&p) ?: hand_back(&p, PASSED_FILTER);

	return finish(&p, verdict);
}

/* SYNs and RSTs, while SYNs are answered. */
int opening(struct xdp_md *ctx)
{
	struct packet p = PACKET(ctx);
	int verdict;

	verdict = parse(&p) ?: find_service(&p) ?: settle(&p) ?: guard_opening(&p) ?: hand_back(&p, PASSED_ALL);

	return finish(&p, verdict);
}

/* TCP that is no SYN and of no known flow. */
int stray(struct xdp_md *ctx)
{
	struct packet p = PACKET(ctx);
	int verdict;

	verdict = parse(&p) ?: find_service(&p) ?: settle(&p) ?: guard_unknown(&p) ?: hand_back(&p, p.opens ? PASSED_COOKIE : PASSED_ALL);

	return finish(&p, verdict);
}
