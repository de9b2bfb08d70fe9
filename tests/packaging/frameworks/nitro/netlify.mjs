// Calls the function for Netlify's edge, in Deno.
const { default: answer } = await import('./.netlify/edge-functions/server/server.js');
const response = await answer(new Request('http://localhost/'), {});
console.log(await response.text());
