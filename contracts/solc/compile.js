// Compiles every contract of the folder above into build/NAME.abi and build/NAME.bin.
//
//   node compile.js           writes the files
//   node compile.js --check   compiles in memory and fails when a file differs
//
// The settings leave no trace of paths or of the machine in the bytecode, so that the same sources
// give the same bytes everywhere.
'use strict';

const fs = require('fs');
const path = require('path');
const solc = require('solc');

const sourceDir = path.resolve(__dirname, '..');
const buildDir = path.join(sourceDir, 'build');

function compile() {
  const sources = {};
  for (const file of fs.readdirSync(sourceDir).sort()) {
    if (file.endsWith('.sol')) {
      sources[file] = { content: fs.readFileSync(path.join(sourceDir, file), 'utf8') };
    }
  }
  const output = JSON.parse(solc.compile(JSON.stringify({
    language: 'Solidity',
    sources,
    settings: {
      optimizer: { enabled: true, runs: 200 },
      evmVersion: 'paris', // what FISCO BCOS 3.2 and later run without a feature switch
      metadata: { bytecodeHash: 'none', appendCBOR: false },
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
    },
  })));

  const problems = output.errors || [];
  for (const problem of problems) process.stderr.write(problem.formattedMessage + '\n');
  if (problems.length > 0) throw new Error('the compiler is not content; warnings count as errors here');

  const files = {};
  for (const contracts of Object.values(output.contracts)) {
    for (const [name, contract] of Object.entries(contracts)) {
      files[name + '.abi'] = JSON.stringify(contract.abi, null, 2) + '\n';
      files[name + '.bin'] = contract.evm.bytecode.object + '\n';
    }
  }
  return files;
}

function differences(files) {
  const onDisk = fs.existsSync(buildDir) ? fs.readdirSync(buildDir).filter((f) => /\.(abi|bin)$/.test(f)) : [];
  const names = new Set([...Object.keys(files), ...onDisk]);
  return [...names].sort().filter((name) => {
    const file = path.join(buildDir, name);
    return files[name] === undefined || !fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== files[name];
  });
}

function main() {
  const args = process.argv.slice(2);
  const check = args[0] === '--check';
  if (args.length > (check ? 1 : 0)) throw new Error('usage: node compile.js [--check]');

  const files = compile();
  const changed = differences(files);
  if (check) {
    if (changed.length > 0) throw new Error('not what the sources compile to: ' + changed.join(', ') + '; run make contracts');
    process.stdout.write(Object.keys(files).length + ' files are what the sources compile to\n');
    return;
  }
  fs.mkdirSync(buildDir, { recursive: true });
  for (const name of changed) {
    const file = path.join(buildDir, name);
    if (files[name] === undefined) fs.unlinkSync(file);
    else fs.writeFileSync(file, files[name]);
    process.stdout.write((files[name] === undefined ? 'removed ' : 'wrote ') + path.relative(process.cwd(), file) + '\n');
  }
  if (changed.length === 0) process.stdout.write('nothing changed\n');
}

try {
  main();
} catch (err) {
  process.stderr.write('contracts: ' + err.message + '\n');
  process.exit(1);
}
