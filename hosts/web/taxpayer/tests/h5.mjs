// Every piece in a browser, one after the other, or those that are named.
const named = process.argv.slice(2)
for (const piece of named.length ? named : ['proof', 'together', 'hostile']) {
  console.log(`-- ${piece}`)
  await import(`./${piece}.mjs`)
}
