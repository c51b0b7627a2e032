"""Connection-reuse hints: settings of services, reports of what they bring, warm connections."""
