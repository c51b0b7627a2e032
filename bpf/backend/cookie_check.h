// SPDX-License-Identifier: GPL-2.0-only
/* Is a segment's cookie one of a gateway's: by which of the keys that are valid now? */
#pragma once

#include "backend/segment.h"
#include "lib/syn_cookie.h"
#include "maps/cookie_acceptor.h"

/* Whether one of the valid keys of a set made the cookie. */
INLINE int is_valid_cookie(const struct segment *s, const struct accept_keys *keys, __u32 cookie)
{
	__u32 generation = generation_of(cookie);

	/* A gateway may already use the next one, or not yet have been told of this one. */
	if (!keys->generation || generations_ago(keys->generation + 1, generation) > 2)
		return 0;
	return make_cookie(&s->p, keys->cookie[generation], generation,
			   __be32_to_cpu(s->tcp.seq) - 1, cookie_options(cookie),
			   keys->wscale) == cookie;
}

/* The set of keys by which the segment's cookie is valid; NULL if there is none. */
INLINE struct accept_keys *keys_of_cookie(const struct segment *s, __u32 cookie)
{
#pragma nounroll
	for (__u32 i = 0; i < KEY_SETS; i++) {
		__u32 index = i;
		struct accept_keys *keys = accept_keys.lookup(&index);

		if (keys && is_valid_cookie(s, keys, cookie))
			return keys;
	}
	return 0;
}
