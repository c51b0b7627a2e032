// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guard does with packets that the gateway hands over to it, in programs of their own:
 * each ends the packet, or hands it back.
 */
#include "maps/verdicts.h"
#include "packet/headers.h"
#include "maps/gateway.h"
#include "packet/packet.h"
#include "packet/parse.h"
#include "steering/service.h"
#include "steering/finish.h"
#include "guard/handshake.h"
#include "guard/rate_limit.h"
#include "steering/hand_over.h"

/* UDP and ICMP of sources that may send only so many packets. */
int limit(struct xdp_md *ctx)
{
	struct packet p = PACKET(ctx);
	int verdict;

	verdict = parse(&p) ?:
		  find_service(&p) ?:
		  settle(&p) ?:
		  limit_rate(&p) ?:
		  hand_back(&p, PASSED_FILTER);

	return finish(&p, verdict);
}

/* SYNs and RSTs, while SYNs are answered. */
int handshake(struct xdp_md *ctx)
{
	struct packet p = PACKET(ctx);
	int verdict;

	verdict = parse(&p) ?:
		  find_service(&p) ?:
		  settle(&p) ?:
		  guard_handshake(&p) ?:
		  hand_back(&p, PASSED_ALL);

	return finish(&p, verdict);
}

/* TCP that is no SYN and of no known flow. */
int out_of_state(struct xdp_md *ctx)
{
	struct packet p = PACKET(ctx);
	int verdict;

	verdict = parse(&p) ?:
		  find_service(&p) ?:
		  settle(&p) ?:
		  guard_out_of_state(&p) ?:
		  hand_back(&p, p.opens ? PASSED_COOKIE : PASSED_ALL);

	return finish(&p, verdict);
}
