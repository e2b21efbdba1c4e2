"""HTTP API: routes, authorization, error responses, OpenAPI and the console."""
