"""HTTP: middleware, dispatch, authentication, request parsing, error responses, OpenAPI."""
