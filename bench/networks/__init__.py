"""Where cases run that need more than a program: namespaces with daemons, hosts and cables."""
