SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  tryItOutEnabled: true,
  // The validator badge would ask a server on the internet.
  validatorUrl: null,
});
