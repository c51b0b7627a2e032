"""Wire tests of next hops: a follower and the routes and neighbours of a real kernel."""
