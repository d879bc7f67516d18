"""The API's views: each reads, calls one verb or one query, and renders."""
