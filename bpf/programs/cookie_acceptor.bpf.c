// SPDX-License-Identifier: GPL-2.0-only
/*
 * The backend's side of guard mode cookie-backend, at TC ingress: a segment that acknowledges a
 * gateway's SYN cookie comes for a listener that has seen no SYN. It gets a request socket with
 * what the cookie says of the client, and the kernel goes on as if it had sent the cookie itself.
 * docs/syn-cookies.md has the whole way.
 */
#include "packet/headers.h"
#include "maps/cookie_acceptor_verdicts.h"
#include "maps/cookie_acceptor.h"
#include "packet/packet.h"
#include "backend/segment.h"
#include "backend/cookie_check.h"
#include "backend/request.h"
#include "backend/time_wait.h"
#include "backend/accept_cookie.h"
#include "backend/accept_finish.h"

int cookie_acceptor(struct __sk_buff *skb)
{
	struct segment s = {};

	return accept_finish(skb, read_segment(skb, &s) ?: accept_segment(skb, &s));
}
