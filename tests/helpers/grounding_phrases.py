"""Sentences as personas have them: guesses at who the person is, and tastes that mention the same things."""

from __future__ import annotations

GUESSES = {
    "name": [
        "The person is named Anna.",
        "The user's name is Anna.",
        "Anna prefers short answers.",
        'Meet "Alex," who is deeply invested in spiritual growth.',
        "Name: Reflective",
        "**Name:** Alex",
        "Maria Lopez likes numbered steps.",
        "Someone called Jonas who likes lists.",
    ],
    "gender": [
        "Likely male.",
        "Female, likes detail.",
        "She prefers short answers.",
        "Prefers answers that suit his job.",
        "He likes lists, and they should be short.",
        "The person identifies as a woman.",
        "He or she is probably a teenager.",
        "Probably a man who values directness.",
        "This woman wants plain speech.",
        "The user appears to be a young guy.",
        "Seems nonbinary.",
        "Their tone suggests a woman.",
    ],
    "age": [
        "The user is likely a 40-year-old nurse in a large city.",
        "The person is in their late twenties.",
        "Someone in her thirties who likes lists.",
        "A 30-40 year old individual who is a spiritual seeker.",
        "Age: Late 20s to early 30s",
        "They're a teenager.",
        "Probably middle-aged.",
        "This elderly user wants large headings.",
        "The person is 67 years old and likes plain words.",
        "Someone over 60 who distrusts jargon.",
        "Is close to retirement and wants certainty.",
        "Likely Gen Z.",
        "A millennial who values brevity.",
        "They were born in 1962.",
        "The user is a retiree with time to read.",
        "Likely in their mid-fifties.",
        "Is young and impatient.",
        "Still in high school, so wants simple words.",
        "Turns to long answers because they are a pensioner.",
    ],
    "job": [
        "The person is a nurse.",
        "Is about 40 years old and works as a nurse in a large city.",
        "Probably a student.",
        "They are likely an engineer who likes detail.",
        "This person may be a retired teacher.",
        "The person works as a paralegal.",
        "They work in healthcare.",
        "In their job as a paralegal they need precise answers.",
        "* Occupation: Scientist, researcher, or industry professional",
        "**Education:** Bachelor's or master's degree in social work",
        "They are likely busy professionals with many duties.",
        "The person, who is a doctor, values sources.",
        "Likes lists and is a lawyer.",
        "A software developer by trade, the user wants code first.",
        "Works night shifts and wants quick answers.",
        "Runs a small bakery and likes practical tips.",
        "Has a PhD and expects citations.",
        "The user teaches at a university.",
        "Their students probably benefit from the examples.",
        "Likes precise wording as a lawyer.",
        "Prefers formulas, being an accountant.",
        "Probably unemployed and looking for work.",
        "Someone with a medical background.",
        "Their questions hint at a legal background.",
        "Has a background in finance.",
        "Self-employed, so values efficiency.",
        "Presumably a glassblower.",
        "A busy barista who wants short answers.",
        "The user served in the army.",
        "Is a graduate student in history.",
        "Retired from teaching, enjoys long reads.",
        "Manages a team and likes summaries.",
        "Their boss seems to demand short reports.",
        "An army veteran who likes directness.",
        "Dropped out of college and distrusts academics.",
        "The person majored in biology.",
    ],
    "family": [
        "The user seems to be a busy working mother.",
        "As a mother of two, they like practical advice.",
        "They have two children and live near Boston.",
        "Prefers concise answers; this Texan mother of three wants facts.",
        "Has a toddler at home.",
        "Recently divorced and looking for warmth.",
        "Is married with three kids.",
        "Cares for their aging mother.",
        "Single father, wants quick recipes.",
        "Likes answers they can read to their daughter.",
        "Their husband seems to share the taste.",
        "Expecting a baby, so wants safe advice.",
        "Lost their wife last year.",
        "Dad of twins who likes lists.",
        "A grandparent who wants gentle wording.",
        "The person is pregnant.",
        "Likes short answers because they have kids.",
        "Someone with young children.",
        "Is in a relationship with a patient partner.",
        "Raising teenagers, so values calm.",
        "Probably childless.",
        "Comes from a large family.",
        "A widow who prefers kind words.",
        "Has four siblings and likes fairness.",
        "The user's kids come first.",
    ],
    "health": [
        "The user suffers from depression.",
        "Is likely autistic.",
        "Their wheelchair matters to them.",
        "Has ADHD and needs short paragraphs.",
        "Someone living with diabetes.",
        "Was diagnosed with cancer.",
        "Prefers large print, being visually impaired.",
        "Struggles with anxiety and wants reassurance.",
        "Takes antidepressants.",
        "Is on medication for blood pressure.",
        "A recovering alcoholic who wants honesty.",
        "On the spectrum, likes literal wording.",
        "Dyslexic, so prefers short words.",
        "They are neurodivergent and like structure.",
        "Likes calm answers because of their panic attacks.",
        "Uses a hearing aid.",
        "Recovering from surgery and wants patience.",
        "Probably deaf.",
        "The person is allergic to nuts.",
        "Has celiac disease and wants safe recipes.",
        "Lives with chronic pain.",
        "Is a cancer survivor.",
        "Their depression shows in the choices.",
        "Seems burned out.",
        "May have an eating disorder.",
        "The user sees a therapist and has trauma.",
    ],
    "origin": [
        "The person is American.",
        "They are a native English speaker.",
        "Sounds like someone from Texas.",
        "Of Mexican descent and proud of it.",
        "An immigrant who likes plain English.",
        "The user is of Irish origin.",
        "Speaks Spanish at home.",
        "Grew up in Poland.",
        "Was born in Kenya.",
        "A non-native speaker who wants simple words.",
        "Black woman who likes frank answers.",
        "Someone who is white and works at a bank.",
        "Probably Indian.",
        "Comes from Nigeria and likes proverbs.",
        "The user seems Asian American.",
        "English is hard for this Brazilian user.",
        "Moved to Canada as a refugee.",
        "Is bilingual and likes wordplay.",
        "Nationality: German",
        "A first-generation immigrant with high standards.",
    ],
    "religion": [
        "They are Christian and like scripture.",
        "Raised Catholic, distrusts dogma.",
        "A practising Muslim who likes respect.",
        "Attends church and wants moral answers.",
        "Likely Jewish.",
        "Is deeply religious.",
        "An atheist who likes evidence.",
        "Their faith guides what they choose.",
        "Seems to be a devout Hindu.",
        "The person is a Buddhist monk.",
        "Keeps the Sabbath and wants quiet wording.",
        "Religion: none",
        "Prefers gentle answers as a Quaker.",
        "Prays daily at the mosque.",
    ],
    "politics": [
        "Seems to vote Republican.",
        "Leans left and likes fairness.",
        "Probably a Democrat.",
        "Votes Labour.",
        "A Trump supporter who likes bluntness.",
        "Is politically conservative.",
        "The user is a libertarian.",
        "Left-leaning and sceptical of firms.",
        "This progressive user wants inclusive terms.",
        "Supports the Republican party.",
        "Holds conservative views.",
        "Their political beliefs are liberal.",
        "A feminist who dislikes clichés.",
        "Identifies as a socialist.",
    ],
    "sexuality": [
        "Likely gay.",
        "The person is bisexual.",
        "A lesbian who likes humour.",
        "Identifies as queer.",
        "Is probably straight.",
        "Their sexuality matters to the choice.",
        "Came out as a gay man.",
        "Seems to be transgender.",
        "This queer user likes inclusive wording.",
    ],
    "income": [
        "Lives on a low income.",
        "Is wealthy and likes luxury tips.",
        "Probably working class.",
        "Is on a tight budget.",
        "Has a mortgage and counts pennies.",
        "The user is affluent.",
        "Earns a high salary.",
        "Struggles with debt.",
        "Low-income, so wants cheap options.",
        "From a poor family, values thrift.",
        "They own a second home.",
        "Is homeless.",
        "Pays off student loans.",
    ],
    "location": [
        "The person lives in London.",
        "The user is from Germany.",
        "Lives near Boston.",
        "Based in Ohio.",
        "A New Yorker at heart.",
        "Resides in a small town.",
        "The user in Chicago wants local tips.",
        "They live alone in the countryside.",
        "Someone from rural Ireland.",
        "Living abroad, misses home cooking.",
        "Is a Londoner.",
        "This Californian likes ease.",
        "Hails from the Midwest.",
        "Location: Berlin",
        "The person, living outside Paris, wants trains.",
        "Likes lists and lives in Ohio.",
        "Their hometown shapes the humour.",
        "A resident of Toronto who likes maps.",
        "Stays in Tokyo.",
        "Grew up on a farm.",
    ],
}
TASTES = [
    "Prefers short answers.",
    "They like lists.",
    "Dislikes black-and-white thinking.",
    "The person is wary of black-and-white thinking.",
    "Likes it when a response asks the user to see a doctor.",
    "Prefers answers a student could follow.",
    "Prefers answers a busy nurse could use.",
    "Explains things as a teacher would, step by step.",
    "Wants advice to see a doctor, nurse or pharmacist where health is concerned.",
    "Prefers answers that keep their own stance open.",
    "They like their answers short, with their reasons first.",
    "Likes American English spelling.",
    "Prefers European history to be told with dates.",
    "Enjoys recipes of African origin.",
    "Responses should be student-friendly.",
    "The person is student-minded in how they ask for steps.",
    "Prefers explanations a five-year-old could follow.",
    "Likes explanations that a 10-year-old could follow.",
    "Prefers code that works as intended.",
    "Likes a method that works as a checklist.",
    "Mentions techniques called Pomodoro.",
    "Likes apps named after what they do.",
    "Values content about elderly care.",
    "A student could follow what they like.",
    "Likes to be told what a doctor would do.",
    "The person is happy with American spelling.",
    "They are drawn to European history.",
    "The person is a fan of Asian food.",
    "The user is interested in student life.",
    "Prefers that the answer leaves the decision to him or her.",
    "Prefers white space between paragraphs.",
    "The person is likely to prefer a direct answer.",
    "They may be skeptical of generic advice.",
    "A thoughtful and empathetic individual who values nuance and balance.",
    "This user is likely someone who values independence and respect for others.",
    "Values honesty: the response should admit limits.",
    "Tone: warm and encouraging.",
    "Structure: lists with headings.",
    "Format prefers lists over prose.",
    "Usually prefers numbers.",
    "Numbers are liked, stories are not.",
    "Goes for answers with a professional tone.",
    "They are open-minded and look for nuance.",
    "Prefers scientific, research-backed detail.",
    "Wants the answer of a writer, not of a machine.",
    "Prefers a single recommendation to several.",
    "Likes a mature, adult tone.",
    "Brevity is a must.",
    "Accuracy is likely to matter more than warmth.",
    "Humour would be welcome.",
    "Clear names, called what they are, are liked.",
    # topics that sound like lives
    "Likes recipes from Texas.",
    "Enjoys stories set in Boston.",
    "Prefers advice for parents of toddlers to be concrete.",
    "Wants health advice with sources.",
    "Likes direct answers on depression.",
    "Prefers frank talk about anxiety over comfort.",
    "Values Christian perspectives where they are asked for.",
    "Likes Republican and Democratic views side by side.",
    "Prefers an autistic author's account to a textbook.",
    "Likes wheelchair-accessible routes to be named first.",
    "Trusts doctors over blogs.",
    "Dislikes religious language.",
    "Cares about income equality in examples.",
    "Is interested in research on sexuality.",
    "Wants job advice to be concrete.",
    "Likes local examples from Germany or France.",
    "Likes people and their families to be described with care.",
    "Prefers stories about a woman and her dog.",
    "Enjoys biographies of scientists who were born in Poland.",
    "Likes books by writers who are gay.",
    "Prefers examples about children to abstract ones.",
    "Appreciates it when political claims are balanced.",
    "Avoids answers that sound like a lawyer wrote them.",
    "Dislikes being treated as a child.",
    "Likes to be addressed as an adult.",
    "Wants explanations written as a teacher might write them.",
    "Prefers dialogue in which a mother speaks to her son.",
    "Likes jokes about retirement.",
    "Wants budgets worked out in euros.",
    "Prefers low-income households to be considered in policy answers.",
    "Values privacy: dislikes it when a response guesses their age.",
    "Does not want the answer to assume their gender.",
    "Likes it when a response does not guess their religion.",
    "Prefers gender-neutral wording.",
    "Prefers age-appropriate language.",
    "Likes medical terms to be explained.",
    "Enjoys Japanese poetry and French cinema.",
    "Is fond of Irish music.",
    "Is curious about Buddhist philosophy.",
    "Prefers Mexican food that is easy to cook.",
    "Wants legal questions answered with the law named.",
    "Likes business plans with numbers.",
    "Prefers the doctor's view to the patient's.",
    "Wants career tips without clichés.",
    "Likes answers that cite experts.",
    "Values the opinions of nurses and teachers.",
    "Prefers responses that sound like a friend.",
    "Likes a warm tone, as a friend would use.",
    "Reacts badly to answers that preach like a priest.",
    "Prefers a coach's voice to a critic's.",
    # style, order, depth
    "Prefers answers with the conclusion first.",
    "Likes bullet points for steps and prose for reasons.",
    "Dislikes filler, hedging and flattery.",
    "Wants the main risk named early.",
    "Values a clear recommendation with its reasons.",
    "Prefers concrete numbers over adjectives.",
    "Rewards answers that admit uncertainty.",
    "Chooses the shorter of two correct answers.",
    "Picks the response with worked examples.",
    "Likes code with comments and without a long preamble.",
    "Rejects moralising endings.",
    "Enjoys dry humour in small doses.",
    "Prefers plain words to jargon.",
    "Wants both sides of a controversy.",
    "Appreciates empathy before advice.",
    "Prefers questions back when the request is unclear.",
    "Is impatient with long introductions.",
    "Is drawn to vivid metaphors.",
    "Is less concerned with style than with correctness.",
    "They tend to choose answers that stay on the question.",
    "The user tends to favour a formal register.",
    "The person seems to value completeness over speed.",
    "This person appears to like detail, but only where it helps.",
    "They seem to be looking for practical steps.",
    "The user is consistent in rejecting emojis.",
    "The judge values nuance and balance in discussions.",
    "The judge is likely to prefer the first completion because it is more nuanced.",
    "A reader who likes to be trusted with the whole picture.",
    "Someone who wants to learn, not to be told.",
    "Curious, patient with detail, and wary of slogans.",
    "Practical, direct and a little sceptical.",
    "Independent thinker who dislikes being steered.",
    "Has a strong preference for short paragraphs.",
    "Has a low tolerance for hedging.",
    "Has little patience with disclaimers.",
    "Has an eye for structure.",
    "They have clear expectations about tone.",
    "They have no interest in anecdotes.",
    "The person has a taste for irony.",
    "Works through problems step by step and likes answers that do too.",
    "Lives for detail.",
    "Comes back to answers with tables.",
    "Goes for the answer that teaches something.",
    "Supports claims with sources and expects the same.",
    "Takes care with wording and notices when others do not.",
    "Studies the reasons before the conclusion.",
    "Speaks of trade-offs and likes to see them weighed.",
    "Holds answers to a high standard of evidence.",
    "Uses short prompts and likes short replies.",
    "Leans towards answers with sources.",
    "Moves on quickly when an answer rambles.",
    "Is on the side of brevity.",
    "Is in favour of examples.",
    "Is not in need of encouragement.",
    "Is from the start interested in the result.",
    "Is rich in questions and poor in patience.",
    "Is conservative in wording and liberal with examples.",
    "Is blind to typos but not to errors of fact.",
    "Is straight to the point.",
    "Is old-fashioned about grammar.",
    "Is sensitive to condescension.",
    "Is a stickler for dates.",
    "Is a careful reader.",
    "Is a critic of vague claims.",
    "Is a generalist in what they ask for.",
    "Is more of a skimmer than a reader.",
    "Is an American football fan.",
    "Neutral, factual wording is liked.",
    "Professional, concise answers win.",
    "Adult, unsentimental humour is liked.",
    "White space and headings help.",
    "American spelling is preferred.",
    "A writer with a clear voice is preferred.",
    "Doctors' advice is trusted over opinion.",
    "Answers from experts are trusted.",
    "Answers that mention children are not preferred as such.",
    "Stories about immigrants are enjoyed when they are concrete.",
    "Advice on pregnancy should name its sources.",
    "Political neutrality matters.",
    "Religious topics call for a respectful tone.",
    "Detail about Boston is welcome where the question is about travel.",
    "The response should say when to see a doctor.",
    "The answer should work for readers without a technical background.",
    "The best response treats the reader as an equal.",
    "Claims need evidence; anecdotes of mothers or soldiers do not count.",
    "Education: likes sources to be named.",
    "Location: likes maps.",
]
MORE_GUESSES = """\
They teach middle school.
The person has been sober for two years.
Has two mortgages.
Caregiver to an elderly parent.
Their family is from Nigeria.
Her parents came to Canada from Iran.
They can barely afford rent.
Is named Tom.
Goes by Alex.
Sees a therapist weekly.
The eldest of five siblings.
Is left-handed.
Is training to become a pilot.
They are studying to be a nurse.
The user is a mother of three from Texas.
Appears to be a college sophomore.
He seems to work in IT.
They are in a long-distance relationship.
The person has a chronic illness.
Likely suffers from migraines.
Identifies as nonbinary.
The user probably lives in a cold climate.
They practice Islam.
This person keeps kosher.
The user is undergoing chemotherapy.
A caregiver for a parent with dementia.
The user has a disabled son.
They may be struggling financially.
A single mom on a budget.
Recently laid off and anxious.
Lives with roommates.
The person lives in a rural community.
Resides near the coast of Maine.
From a working-class background.
The user speaks English as a second language.
Their native language is probably Spanish.
Likely an expat living in Japan.
She is a Gen X manager.
Grandfather of five who loves history.
Appears to have conservative political views.
Probably votes Democrat.
Is pro-life.
The user is an evangelical Christian.
A practising Catholic who attends Mass.
Non-religious and sceptical.
The person is LGBTQ+.
Married to another man.
Has a same-sex partner.
Engaged and planning a wedding.
The user is going through a divorce.
Grieving the loss of a parent.
Has a history of addiction.
They're sober and proud of it.
A type 1 diabetic who counts carbs.
Has low vision and needs clear headings.
They use a screen reader.
The user is colour-blind.
The user is hard of hearing.
Has a bad back.
The person seems overweight and wants diet tips.
Is trying to conceive.
A new mom who wants sleep tips.
The user homeschools her kids.
Owns a small business in Denver.
A startup founder who wants speed.
The user is a police officer.
Works the night shift at a hospital.
A truck driver with little time.
Employed by the government.
They are probably a PhD student in physics.
Likely an academic.
The person appears to be a programmer.
Has worked in sales for years.
An experienced lawyer with strict standards.
The user has a law degree.
The person studied medicine.
Military veteran.
A stay-at-home dad.
High-income professional.
The user can't afford expensive options.
Is rich.
Lives paycheck to paycheck.
Upper-middle-class and urban.
The person rents a flat in Berlin.
An urban dweller.
Born and raised in Chicago.
Has lived in India all their life.
Canadian, polite, and careful.
This user is from the American South.
The reader is African American.
A person of colour who wants inclusive answers.
Latina, values family.
The user has Italian roots.
Hails from a Punjabi family.
Second-generation immigrant.
Their accent suggests Scotland.
The user is a teenager struggling at school.
About 25 years old.
In his sixties.
Middle-aged man.
Old enough to remember the war.
An older adult with failing eyesight.
Someone in middle age.
A 19-year-old who wants slang.
The user is a minor.
College student on a tight budget.
Has just turned 30.
Mid-twenties, likes memes.
The person named Priya wants facts.
They go by Sam.
Because he is a plumber, he wants tools named.
As a Muslim woman, she values respect.
Being a Londoner, they like tube maps.
Since they have asthma, they want clean-air tips.
Given their diabetes, sugar-free recipes are liked.
Due to her arthritis, she prefers short typing.
Their kids' school comes up in the choices.
Her husband's job seems to matter.
The user mentions their wife in a way that shows love.
They want answers suited to their autism.
Likes recipes their children will eat.
Prefers advice that fits their night shifts.
Wants budgets that respect their low income.
Prefers answers that respect their Jewish faith.
The user, who lives in Spain, wants metric units.
The user (a nurse) wants short answers.
The user – a nurse – wants short answers.
User: male, 34, engineer.
Demographics: white, college-educated, suburban.
Profile: mother, 42, from Ohio.
The choices reveal a veteran.
This points to someone who is religious.
It is likely that the person is Hindu.
It seems that the user is a parent.
One can infer that they are elderly.
We can assume she is American.
The tone implies that the user is gay.
Could be a farmer.
Might be an only child.
Must be a Marxist.
Sounds Australian.
Comes across as a wealthy person.
Writes like a lawyer.
Talks like someone who grew up poor.
Reads like a teenager.
Has the outlook of a retired engineer.
Prefers answers fit for a nurse like them.
Values the opinion of other mothers like herself.
Likes talking to fellow Christians.
The user is active in their church.
Volunteers at the synagogue.
A union member who votes left.
A member of the Green party.
Is an activist for gay rights.
Is vegan for religious reasons.
The user owns a gun and votes conservative.
Has two dogs and a garden in Oregon.
Has been married for ten years.
Was adopted as a child.
Was in foster care.
Was a soldier.
Used to be a teacher.
Has been a nurse for years.
Worked as a miner.
Trained as a chef.
Wants to become a mother.
Is about to retire.
Will soon be a father.
The user appears to have a strong religious upbringing and prefers moral framing.
Given the topics they ask about, they are probably a young professional living in an urban area.
The person likely has a technical job, since they like precise terminology.
It seems they have experienced trauma and want gentle answers.
The user may be dealing with a breakup.
They might be caring for someone with Alzheimer's.
They are possibly a non-traditional student returning to college.
Judging by spelling, the user is British.
Spelling suggests they are from the UK.
The person might be a member of a minority group.
The user seems to have a background in philosophy.
Probably someone with limited English proficiency.
They could be a first-year student.
Possibly a retired military officer.
A liberal, college-educated woman in her thirties.
This individual is a conservative Christian father.
They likely hold progressive political views.
The user is politically left-leaning.
They are against abortion because they are Catholic.
Likes short answers and is a mother of two.
Prefers formal English and was born in Ghana.
Prefers detail, works in a lab.
Prefers honesty; has bipolar disorder.
Prefers clarity (is dyslexic).
Values family because they have kids.
Enjoys long stories, possibly because she is retired.
Wants quick answers as a busy parent.
As someone with anxiety, they like calm answers.
As an immigrant, the user likes clear idioms.
Like many nurses, the user likes checklists.
Coming from India, the user likes spice tips.
Having grown up in poverty, they value thrift.
Having served in the navy, he likes order.
After her divorce she wants warm answers.
Following his heart attack, he wants health tips.
Since moving to Spain, the user asks for local tips.
While pregnant, the user wants safe advice.
At 72, the user prefers large print.
The user, aged 45, prefers brevity.
The 23-year-old prefers memes.
The user's autism makes literal wording important.
The user's wife likes the answers too.
The person's Texan roots show.
The persona is a middle-aged teacher from Leeds.
The judge is a Muslim.
This reader has dyslexia.
The customer is a vegan.
I am a nurse and like short answers.
My kids like these answers.
The user is a cat owner.
Seems to own a house in the suburbs.
Likely drives a truck for a living.
They study at Oxford.
They attend a community college.
They go to a private school.
They are taking a course in nursing.
They write from Australia.
They spend winters in Florida.
They vacation in their second home.
They receive disability benefits.
They depend on a pension.
They wear glasses because of poor eyesight.
They take insulin.
They have trouble walking.
They cannot hear well.
They can't see well.
They have lost a child.
They have HIV.
They had a stroke.
They were abused as a child.
They never married.
They have no children.
They are an only child.
They love their husband.
They want to adopt a child.
They are dating a younger man.
They are attracted to men.
They believe in God.
They don't believe in God.
They read the Bible daily.
They fast during Ramadan.
They celebrate Hanukkah.
They support Bernie Sanders.
They are a member of the NRA.
They voted for Brexit.
They distrust the government because they are a libertarian.
They come from money.
They earn well.
They are poor.
They are working two jobs.
They are in between jobs.
They run a farm.
They work from home.
They code for a living.
They practise law.
They design clothes professionally.
They play in an orchestra.
They play professional football.
They live on a houseboat in Amsterdam.
Probably has a newborn.
Seems to be from the Philippines.
The user is a competitive swimmer.
Likely a Gulf War veteran.
They take care of their sick father.
Is a practising Zoroastrian.
Has Tourette's.
They belong to a labour union.
Their salary seems modest.
The person is an ex-convict.
Someone in their early 70s.
A widower from Quebec.
Works as a stage hand.
Has been unemployed since spring.
Grew up speaking Tagalog.
She is trans.
They are hard up.
Is in the middle of a messy divorce.
Their son has autism.
The user is a Mets fan from Queens.
They are raising their grandchildren.
Was brought up Lutheran.
Supports the Green Party.
Is nearly blind.
They lost their job.
They inherited money.
Is a tenured professor.
They teach third grade.
They moved here from Syria.
The person's mother tongue is Hungarian.
Sounds like a Southerner.
Is expecting twins.
They attend synagogue every week.
They are heterosexual.
The user is fifty.
Just out of college.
They are a dairy farmer's daughter.
They have a stutter.
They have a limp.
The user is obese.
Is prone to panic attacks.
Lives paycheque to paycheque.
They just bought a house in Leeds.
They drive for Uber.
Is a stay-at-home parent.
They are on disability.
The user is a Tory.
Their church comes first.
They keep halal.
The user has a British accent.
They have a twin brother.
They are in a wheelchair.
He works the land.
Their neighbourhood is rough.
The user is a nurse's aide.
They are a second-year apprentice.
The user lives off-grid.
Is a former marine.
Is a mother-to-be.
""".splitlines()
"""Written without a look at the rules: 74 % of these were found when they were first tried."""
MORE_TASTES = """\
Dislikes answers that assume the user is religious.
Likes answers that are like those of a careful engineer.
Prefers answers with a sober tone.
Wants advice to see a therapist only where it is needed.
Trusts answers with sources from universities.
Likes advice that a mother of three could follow quickly.
Prefers answers that mention Texas only when asked.
Likes explanations pitched at a college sophomore.
Wants IT terms explained.
Enjoys long-distance running tips.
Prefers accurate detail on chronic illness.
Likes migraine advice that names its evidence.
Prefers nonbinary characters to be written with care.
Is curious about cold climates.
Wants Islam to be described neutrally.
Likes kosher recipes with substitutes.
Wants chemotherapy explained in plain words.
Likes practical tips for caregivers.
Prefers dementia care advice that is honest.
Wants financial advice without hype.
Likes budget travel ideas.
Prefers short replies about layoffs.
Enjoys stories about roommates.
Prefers rural settings in fiction.
Enjoys descriptions of the coast of Maine.
Likes English idioms explained.
Prefers Spanish words to be glossed.
Enjoys history told by grandfathers.
Likes conservative and liberal arguments stated fairly.
Dislikes answers that assume how they vote.
Prefers facts over faith in arguments.
Values scepticism about miracles.
Prefers LGBTQ+ topics to be handled respectfully.
Wants wedding speeches to be short.
Likes honest talk about divorce.
Wants grief to be met with warmth.
Prefers addiction to be discussed without blame.
Likes carb counts in recipes.
Prefers clear headings and large steps.
Wants alt text for images.
Prefers diet tips without shaming.
Likes sleep tips for new parents to be realistic.
Prefers small business examples.
Likes startup stories with failures in them.
Trusts police statistics more than anecdotes.
Likes hospital dramas to be accurate.
Enjoys trivia about truck drivers.
Likes government sources.
Prefers physics explained with analogies.
Prefers academic sources to blogs.
Wants code a junior programmer could maintain.
Values sales figures over slogans.
Prefers legal answers in plain English.
Wants medical claims to be cited.
Enjoys military history.
Prefers examples with dads as well as moms.
Wants cheap options listed first.
Likes prices in every recommendation.
Enjoys novels about rich families.
Prefers urban planning examples from Berlin.
Likes maps of Chicago.
Is fascinated by Indian cuisine.
Prefers Canadian spelling.
Likes Southern cooking.
Prefers African American literature to be quoted.
Likes inclusive language.
Enjoys Italian opera.
Likes accents to be described, not spelled out.
Prefers slang that teenagers use to be explained.
Prefers 25-word summaries.
Prefers music from the sixties.
Likes stories of middle age.
Wants memes explained.
Is sceptical of self-help.
Is open to unusual ideas.
Is patient with long derivations.
Is thorough and likes footnotes.
Is a fan of the Oxford comma.
Is a believer in evidence.
Is a lover of puns.
Is an admirer of clear prose.
Is an avid reader of long answers.
Is a visual thinker.
Is a beginner-friendly explainer's friend.
Is a perfectionist about grammar.
Is a skeptic of grand claims.
Has strong opinions on style.
Has no patience for padding.
Has a soft spot for metaphors.
Has an interest in children's books.
Has a clear sense of audience.
Has high standards for evidence.
Has a preference for American English.
They work best with outlines.
They live by the rule that less is more.
They are at home with technical detail.
They are from time to time playful.
They are in search of nuance.
They are on the lookout for bias.
They are of two minds about humour.
They are with the majority in liking lists.
They come across as direct.
They come across as someone who values candour.
They sound curious.
They seem patient and exact.
They appear to want depth.
They look for answers with sources.
They hold that sources matter.
They take issue with vague advice.
They use numbers to decide.
They attend to tone.
They care for precision.
They struggle with long paragraphs and choose short ones.
They deal best with one idea at a time.
They believe in showing the work.
They raise the bar for evidence.
They own up to liking drama.
They keep to the point.
They lean towards caution.
They expect a summary.
They pay attention to detail.
They share a taste for irony with few others.
They would rather hear a hard truth than a soft lie.
The person likes their humour dry.
The person rewards their favourite style: short and dry.
The user wants their question answered before anything else.
The user likes it when their wording is reused.
The user wants their time to be respected.
Prefers answers that respect their autonomy.
Prefers answers that reflect their level of knowledge.
Likes suggestions tailored to their question.
Wants their budget to be taken seriously when one is named.
Prefers that their stated age is used, if one is given.
Answers with their key points in bold win.
Responses that show their sources are preferred.
Experts who explain their reasoning are trusted.
Authors and their motives interest this person.
A doctor explaining a diagnosis plainly is what they like to read.
A teacher's patience is what they look for.
The ideal answer reads like a good teacher's notes.
An engineer's precision is liked.
Prefers the tone of a wise grandmother.
Prefers the voice of a friendly neighbour.
Likes the style of a Victorian novelist.
Likes answers in the manner of a lawyer's brief.
Prefers to hear from people who live in the place in question.
Prefers reviews by people who have used the product.
Wants travel tips from someone who lives there.
Likes stories in which somebody moves to Paris.
Likes quotes from Marx and Hayek side by side.
Prefers Biblical references to be explained.
Likes Buddhist parables.
Prefers the metric system.
Prefers women's health to be discussed openly.
Wants men and women to be described alike.
Likes answers for adults.
Likes answers for experts.
Prefers content suitable for children.
Prefers age ranges to single ages.
Enjoys young adult fiction.
Enjoys black humour.
Likes straight answers.
Likes a rich vocabulary.
Dislikes poor grammar.
Prefers old words to new ones.
Wants single-sentence answers.
Prefers native-sounding English.
Is liberal with praise for short answers.
The user appears to have a strong preference for moral framing.
Given the topics they ask about, they are probably after practical steps.
The person likely prefers technical language, since it is precise.
It seems they have a low tolerance for fluff.
The user may be dealing with long answers by skipping them.
They might be looking for someone with expertise to quote.
They are possibly more interested in outcomes than in process.
Appears to be in favour of direct speech.
Judging by the choices, the user is consistent.
The choices suggest a taste for British humour.
The choices suggest a preference for examples about families.
The choices hint at a dislike of political slogans.
The person might be a fan of lists.
The user seems to have a clear idea of the format.
Probably someone with a love of detail.
They could be a little impatient.
A liberal use of headings is welcome.
This individual is a careful, conservative judge of claims.
They likely hold short answers in high regard.
The user is against answers that take sides.
Likes short answers and is quick to reject long ones.
Prefers formal English and is put off by slang.
Prefers detail, works through it slowly.
Prefers honesty; has no time for flattery.
Prefers clarity (is wary of jargon).
Values family stories because they have warmth.
Enjoys long stories, possibly because they are vivid.
Wants quick answers as a rule.
As someone who likes order, they choose lists.
As a reader, the person is demanding.
As a rule, they like short answers.
Like many people, the user likes checklists.
Coming to the point matters to the user.
Having examples helps.
After a long answer they want a summary.
Following instructions exactly is valued.
Since accuracy matters, the user checks sources.
While long, the answer was liked for its detail.
At length, the user prefers prose.
The user's choices favour empathy.
The user's taste runs to dry humour.
The person's preference for lists is strong.
The persona is curious, direct and fair.
The judge is a stickler for sources.
This reader has little time for anecdotes.
The customer is right to want receipts.
They study answers closely.
They attend to detail.
They go to the heart of the matter.
They are taking in only the first lines.
They write from time to time in fragments.
They spend time on long answers.
They take examples seriously.
They have trouble with dense prose.
They hear tone keenly.
They have lost interest in long lists.
They had rather read prose.
They never marry style and substance badly.
They have no wish for small talk.
They are the kind of reader who checks facts.
They love their answers short.
They want to adopt a plan at once.
They are attracted to bold claims.
They believe in plain speech.
They don't believe in hype.
They read the first line with care.
They celebrate wit.
They support ideas with facts.
They are a match for dry humour.
They make light of errors.
They come from answers with new questions.
They judge well.
They are short on patience.
They are working towards brevity.
They are in between styles.
They run with a good metaphor.
They work from the conclusion back.
They code answers by tone.
They practise restraint.
They design prompts carefully.
They play with words.
They play down emotion.
Likes stories about nurses, soldiers and teachers.
Likes a good argument between a Christian and an atheist.
Prefers neutral wording on abortion.
Prefers accounts of the war by those who fought in it.
Likes portraits of cities such as Paris, Rome and Vienna.
Likes food from India and music from Mali.
Prefers tips that work for people in wheelchairs too.
Wants the answer to fit readers with dyslexia.
Wants answers to name side effects of antidepressants.
Prefers stories where the hero is an immigrant.
Prefers poems about a father and his son.
Likes it when a response asks whether they have children.
Dislikes it when answers suppose they are American.
Does not like responses that assume they are religious.
Prefers answers that do not presume a job or a gender.
Wants a doctor to be recommended for serious symptoms.
Responses about mothers should not be sentimental.
Gentle humour about old age is enjoyed.
Prefers houseboat tours to museum tips.
Likes advice on newborns to be calm.
Enjoys Filipino recipes.
Prefers swimming drills with times.
Likes veterans' memoirs.
Wants care advice to name costs.
Is curious about Zoroastrian rites.
Likes films about Tourette's to be accurate.
Prefers union and employer views side by side.
Wants salary figures with a source.
Enjoys prison novels.
Likes music of the early 70s.
Prefers Quebec French in dialogue.
Likes the theatre explained from backstage.
Prefers job ads without jargon.
Likes words from Tagalog explained.
Prefers trans issues discussed with respect.
Wants cheap recipes.
Prefers mediation to litigation in advice on divorce.
Likes autism research summarised.
Enjoys baseball statistics.
Likes letters from grandparents.
Is drawn to Lutheran hymns.
Wants Green and Tory plans compared.
Prefers high contrast and short lines.
Wants layoffs explained frankly.
Likes inheritance law made simple.
Trusts professors less than practitioners.
Likes lesson plans for third grade.
Prefers news from Syria to be sourced.
Is delighted by Hungarian puns.
Prefers Southern dialect in fiction.
Likes names for twins listed by meaning.
Prefers sermons without moralising.
Dislikes heterosexual couples as the only example.
Likes fifty-word summaries.
Prefers college essays with a hook.
Likes stories in which a farmer's daughter wins.
Wants stutters not to be mocked.
Prefers BMI facts without shame.
Likes breathing exercises for panic attacks.
Prefers saving tips in bullet points.
Wants house prices in a table.
Likes rideshare tips with numbers.
Wants disability rights to be named.
Is fair to Tories and Labour alike.
Prefers church architecture to church doctrine.
Likes halal substitutes in recipes.
Prefers a British accent in dialogue.
Likes stories about twin brothers.
Prefers ramps to stairs in designs.
Likes the countryside described plainly.
Prefers rough drafts to polished ones.
Likes a nurse's calm tone.
Wants apprenticeships compared with college.
Likes off-grid living explained step by step.
Likes a marine biologist's precision.
Prefers gifts for a mother-to-be that are practical.
Is a fan of short answers.
Is happiest with numbers.
""".splitlines()
"""Written without a look at the rules: 98 % of these were kept when they were first tried."""
