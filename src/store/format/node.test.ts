import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeNode, TreeNode } from './node.ts';

const entry = (level: number) =>
  fc.record({
    pack: fc.constantFrom('11'.repeat(16), '22'.repeat(16), '33'.repeat(16)),
    slot: fc.nat(65_534),
    id: fc.uint8Array({ minLength: level === 0 ? 16 : 32, maxLength: level === 0 ? 16 : 32 }),
  });

describe('a node of a tree', () => {
  for (const level of [0, 1]) {
    it(`of level ${level} decodes to what was encoded`, () => {
      fc.assert(
        fc.property(fc.array(fc.tuple(fc.nat(255), entry(level)), { maxLength: 60 }), (entries) => {
          const node = new TreeNode(level, 65_536);
          for (const [position, one] of entries) node.set(position, one);
          const decoded = decodeNode(node.encode(), level, 65_536)!;
          for (let position = 0; position < node.length; position++) {
            const [before, after] = [node.get(position), decoded.get(position)];
            assert.equal(after === null, before === null);
            if (before && after) {
              assert.deepEqual([after.pack, after.slot], [before.pack, before.slot]);
              assert.equal(Buffer.compare(after.id, before.id), 0);
            }
          }
        }),
      );
    });
  }

  it('has one form only: any changed byte gives another node or none', () => {
    const node = new TreeNode(0, 65_536);
    node.set(3, { pack: '11'.repeat(16), slot: 9, id: new Uint8Array(16).fill(1) });
    const bytes = node.encode();
    for (let at = 0; at < bytes.length; at++) {
      const spoilt = new Uint8Array(bytes);
      spoilt[at]! ^= 1;
      const decoded = decodeNode(spoilt, 0, 65_536);
      assert.equal(decoded !== undefined && Buffer.compare(decoded.encode(), bytes) === 0, false, `byte ${at}`);
    }
  });

  it('is refused for another level or chunk size, and when it is cut', () => {
    const bytes = new TreeNode(1, 65_536).encode();
    assert.ok(decodeNode(bytes, 1, 65_536));
    assert.equal(decodeNode(bytes, 2, 65_536), undefined);
    assert.equal(decodeNode(bytes, 1, 131_072), undefined);
    for (const length of [0, 7, 8, bytes.length - 1])
      assert.equal(decodeNode(bytes.subarray(0, length), 1, 65_536), undefined);
  });

  it('never throws on any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => decodeNode(bytes, 0, 65_536) === undefined));
  });
});
