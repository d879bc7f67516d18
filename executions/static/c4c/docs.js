"use strict";

// Swagger UI on our own description; writes carry the CSRF token of whoever is signed in.
{
  const token = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
  SwaggerUIBundle({
    url: document.currentScript.dataset.schema,
    dom_id: "#swagger-ui",
    deepLinking: true,
    requestInterceptor(request) {
      if (token()) request.headers["X-CSRFToken"] = token();
      return request;
    },
  });
}
