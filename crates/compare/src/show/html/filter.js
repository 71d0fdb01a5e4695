'use strict';
const filter = document.getElementById('filter');
const text = document.getElementById('filter-text');
const shown = document.getElementById('filter-count');
const groups = Array.from(document.querySelectorAll('.group'), (group) => ({
  group,
  // Not the lists of targets: every target is in every group.
  words: Array.from(group.querySelectorAll('h3, .specs, pre'), (part) => part.textContent)
    .join('\n')
    .toLowerCase(),
}));
const apply = () => {
  const wanted = text.value.trim().toLowerCase();
  let left = 0;
  for (const { group, words } of groups) {
    group.hidden = !words.includes(wanted);
    left += group.hidden ? 0 : 1;
  }
  shown.textContent = wanted ? `${left} of ${groups.length} groups` : '';
};
if (groups.length > 1) {
  filter.hidden = false;
  text.addEventListener('input', apply);
  // A link from the overview must not lead to a group that is hidden.
  window.addEventListener('hashchange', () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target && target.hidden) {
      text.value = '';
      apply();
      target.scrollIntoView();
    }
  });
}
