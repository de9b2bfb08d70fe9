// The same as inlined.js, for vetassist/metadata.

export { metadata } from '#inline_metadata';
